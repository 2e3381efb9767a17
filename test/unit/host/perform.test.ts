import { existsSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Address } from '../../../src/api/address.ts';
import { hostdevXml } from '../../../src/host/libvirt/definition.ts';
import { perform } from '../../../src/host/steps/perform.ts';
import { LibvirtError } from '../../../src/node-libvirt/index.ts';
import type { Step } from '../../../src/plan/step.ts';
import { type FakeDom0, fakeDom0 } from './fake-dom0.ts';
import { writeTree } from './temp-tree.ts';
import { RED_UUID, STUB_DOMAIN } from './transcripts.ts';

const never = new AbortController().signal;
const RED = { name: 'red', uuid: RED_UUID, domid: 1 };
/** Red's first device, its second one, one that dom0 uses, one that is free on pciback. */
const [FIRST, SECOND, HOST, FREE] = ['01', '02', '03', '04'].map(bus => `0000:${bus}:00.0` as Address) as [
  Address,
  Address,
  Address,
  Address,
];
const BACKEND = '/local/domain/0/backend/pci/1/0';

function domain(...hostdevs: string[]): string {
  return `<domain><devices>${hostdevs.join('')}</devices></domain>`;
}

const bind = (device: Address, more: object = {}): Step => ({ verb: 'bind', device, ...more });
/** What fakeDom0 has at HOST. */
const HOST_CARD = {
  identity: { vendor: '8086', device: '10d3', subsystemVendor: '8086', subsystemDevice: '0000', class: '0200' },
  path: '03_00.0',
};
const release = (device: Address, driver?: string): Step => ({
  verb: 'release',
  device,
  ...(driver === undefined ? {} : { driver }),
});
const attach = (device: Address, via: 'libvirt' | 'xl', more: object = {}): Step => ({
  verb: 'attach',
  device,
  guest: RED,
  via,
  permissive: false,
  ...more,
});
const detach = (device: Address, via: 'libvirt' | 'xl', more: object = {}): Step => ({
  verb: 'detach',
  device,
  guest: RED,
  via,
  ...more,
});

/** libvirt's "operation invalid", or another refusal. */
function refused(message: string, code = 55): LibvirtError {
  const nothing = { str1: null, str2: null, str3: null, int1: 0, int2: 0 };
  return new LibvirtError('domainAttachDeviceFlags', { code, domain: 20, message, level: 2, ...nothing });
}

/** What has been done to the dom0. */
function done(dom0: FakeDom0): string[] {
  return [...dom0.xlCalls(), ...dom0.libvirt.changes.map(([what, xml]) => `${what} ${xml}`)];
}

describe('a step that the world does not fit is refused before anything is done', () => {
  const noSlot = '0000:99:00.0' as Address;
  const cases: Record<string, [Step, (dom0: FakeDom0) => void]> = {
    'bind what is not there': [bind(noSlot), () => {}],
    'bind what is on pciback': [bind(FREE), () => {}],
    'bind what a guest has': [bind(FIRST), () => {}],
    'bind what a guest is getting': [bind(HOST), ({ store }) => store.set('/libxl/pci/0000-03-00-0/domid', '1')],
    'bind another card than the one that was seen': [
      bind(HOST, { card: { ...HOST_CARD, identity: { ...HOST_CARD.identity, device: '10d4' } } }),
      () => {},
    ],
    'bind a like card in another place': [bind(HOST, { card: { ...HOST_CARD, path: '00_1c.0/00_00.0' } }), () => {}],
    'attach another card than the one that was seen': [
      attach(FREE, 'libvirt', { card: { ...HOST_CARD, identity: { ...HOST_CARD.identity, vendor: '1b36' } } }),
      () => {},
    ],
    'release what a guest has': [release(FIRST, 'e1000e'), () => {}],
    'release what dom0 has': [release(HOST, 'e1000e'), () => {}],
    'attach what dom0 has': [attach(HOST, 'libvirt'), () => {}],
    'attach what the guest has': [attach(FIRST, 'libvirt'), () => {}],
    'attach what another guest has': [
      attach(FREE, 'libvirt'),
      ({ store }) => {
        store.introduced.add(9);
        store.set('/local/domain/0/backend/pci/9/0/dev-0', FREE);
      },
    ],
    'attach to a guest that is gone': [attach(FREE, 'xl'), ({ store }) => store.introduced.clear()],
    'attach to an instance that is another domain now': [
      attach(FREE, 'xl'),
      ({ store }) => store.set('/local/domain/1/vm', '/vm/99999999-2222-3333-4444-555555555555'),
    ],
    'attach to an instance that libvirt knows by another id': [
      attach(FREE, 'libvirt'),
      ({ libvirt }) => {
        libvirt.ref = { ...libvirt.ref, id: 2 };
      },
    ],
    'attach to a domain that libvirt has forgotten': [
      attach(FREE, 'libvirt'),
      ({ libvirt }) => {
        libvirt.ref = { ...libvirt.ref, uuid: '99999999-2222-3333-4444-555555555555' };
      },
    ],
    'detach a card that has been pulled out and put back since the look': [
      detach(FIRST, 'xl', { insertion: 'another' }),
      () => {},
    ],
    'detach through xl from a guest that xl has paused': [detach(FIRST, 'xl'), dom0 => dom0.pauseByXl()],
    'detach through xl from a guest that is asleep': [detach(FIRST, 'xl'), dom0 => dom0.fallAsleep()],
    'detach through libvirt from a guest that is asleep': [
      detach(FIRST, 'libvirt'),
      dom0 => {
        dom0.libvirt.live = domain(hostdevXml(FIRST, false));
        dom0.fallAsleep();
      },
    ],
    'detach what was pulled out and put back': [
      detach(FIRST, 'xl'),
      ({ layout }) => {
        const link = join(layout.sysfs, `bus/pci/devices/${FIRST}/driver`);
        rmSync(link);
        symlinkSync('../../../bus/pci/drivers/e1000e', link);
      },
    ],
    'detach what the guest does not have': [detach(FREE, 'xl'), () => {}],
    'detach from a guest that is gone': [detach(FIRST, 'xl'), ({ store }) => store.introduced.clear()],
    'detach what two guests have': [
      detach(FIRST, 'xl'),
      ({ store }) => {
        store.introduced.add(9);
        store.set('/local/domain/0/backend/pci/9/0/dev-0', FIRST);
      },
    ],
    'detach through a libvirt that does not know of it': [
      detach(FIRST, 'libvirt'),
      ({ libvirt }) => {
        libvirt.live = domain(hostdevXml(SECOND, false));
      },
    ],
    'detach through a libvirt that believes what xenstore does not': [
      detach(FREE, 'libvirt'),
      ({ libvirt }) => {
        libvirt.live = domain(hostdevXml(FREE, false));
      },
    ],
    'detach one of several functions of a slot through libvirt': [
      detach(FIRST, 'libvirt'),
      ({ libvirt }) => {
        const at = (xml: string, fn: number): string =>
          xml.replace('</hostdev>', `<address type='pci' domain='0' bus='0' slot='5' function='${fn}'/></hostdev>`);
        libvirt.live = domain(at(hostdevXml(FIRST, false), 0), at(hostdevXml(SECOND, false), 1));
      },
    ],
  };
  test.each(Object.entries(cases))('%s', async (_, [step, arrange]) => {
    const dom0 = fakeDom0();
    arrange(dom0);
    await expect(perform(dom0, step, never)).rejects.toMatchObject({ code: 'PreconditionFailed' });
    expect(done(dom0)).toEqual([]);
    expect(dom0.store.watching).toBe(0);
  });

  test('while an earlier change has not ended', async () => {
    for (const step of [attach(FREE, 'libvirt'), attach(FREE, 'xl'), detach(FIRST, 'libvirt'), detach(FIRST, 'xl')]) {
      const dom0 = fakeDom0();
      dom0.store.set(`${BACKEND}/state`, '7');
      await expect(perform(dom0, step, never)).rejects.toMatchObject({
        code: 'DeadlineExceeded',
        message: expect.stringContaining('state 7'),
      });
      expect(done(dom0)).toEqual([]);
    }
  });

  test('for good, once the guest has let go of a device too late for libxl', async () => {
    for (const step of [attach(FREE, 'libvirt'), attach(FREE, 'xl'), detach(SECOND, 'libvirt'), detach(SECOND, 'xl')]) {
      const dom0 = fakeDom0();
      dom0.store.set(`${BACKEND}/state-0`, '5');
      await expect(perform(dom0, step, never)).rejects.toMatchObject({
        code: 'PreconditionFailed',
        message: expect.stringContaining(`let go of ${FIRST} too late`),
      });
      expect(done(dom0)).toEqual([]);
    }
  });

  test('while an earlier change has not ended in a stub domain', async () => {
    const dom0 = fakeDom0();
    for (const [, path, value] of STUB_DOMAIN.matchAll(/^(\S+) = "(.*)"$/gm))
      dom0.store.nodes.set(path ?? '', value ?? '');
    dom0.store.introduced.add(5).add(6);
    dom0.store.set('/local/domain/0/backend/pci/6/0/vdevfn-0', undefined);
    const guest = { name: 'win', uuid: '66666666-2222-3333-4444-555555555555', domid: 5 };
    await expect(perform(dom0, attach(FREE, 'xl', { guest }), never)).rejects.toMatchObject({
      code: 'DeadlineExceeded',
    });
    dom0.store.set('/local/domain/0/backend/pci/6/0/vdevfn-0', '30');
    await perform(dom0, attach(FREE, 'xl', { guest }), never);
    expect(done(dom0)).toEqual([`pci-attach 5 ${FREE}`]);
  });

  test('when it was called off', async () => {
    const dom0 = fakeDom0();
    const off = AbortSignal.abort(new Error('stopped'));
    await expect(perform(dom0, bind(HOST), off)).rejects.toThrow('stopped');
    expect(done(dom0)).toEqual([]);
  });
});

describe('a step that fits', () => {
  test('bind', async () => {
    const dom0 = fakeDom0();
    await perform(dom0, bind(HOST), never);
    expect(done(dom0)).toEqual([`pci-assignable-add ${HOST}`]);
  });

  test('a mark of a domain that is gone does not stop it', async () => {
    const dom0 = fakeDom0();
    dom0.store.set('/libxl/pci/0000-03-00-0/domid', '77');
    await perform(dom0, bind(HOST), never);
    expect(done(dom0)).toEqual([`pci-assignable-add ${HOST}`]);
  });

  test('attach through libvirt, and through xl', async () => {
    const dom0 = fakeDom0();
    await perform(dom0, attach(FREE, 'libvirt', { permissive: true }), never);
    await perform(dom0, attach(FREE, 'xl', { permissive: true }), never);
    expect(done(dom0)).toEqual([`pci-attach 1 ${FREE},permissive=1`, `attach live ${hostdevXml(FREE, true)}`]);
    expect(dom0.store.watching).toBe(0);
  });

  test.each([
    refused(`PCI device ${FREE} is in use by driver xenlight, domain blue`),
    refused(`operation failed: target pci device ${FREE} already exists`, 9),
  ])('attach goes through xl when libvirt alone believes that the device is in use: $message', async error => {
    const dom0 = fakeDom0();
    dom0.libvirt.attachDevice = async () => {
      throw error;
    };
    await perform(dom0, attach(FREE, 'libvirt', { permissive: true }), never);
    expect(done(dom0)).toEqual([`pci-attach 1 ${FREE},permissive=1`]);
  });

  test('attach does not get around what libvirt refuses for another reason, or for a guest that came first', async () => {
    const dom0 = fakeDom0();
    dom0.libvirt.attachDevice = async () => {
      throw refused(`PCI device ${FREE} is not assignable`);
    };
    await expect(perform(dom0, attach(FREE, 'libvirt'), never)).rejects.toMatchObject({ code: 'StepFailed' });
    dom0.libvirt.attachDevice = async () => {
      dom0.store.set('/libxl/pci/0000-04-00-0/domid', '1');
      throw refused(`PCI device ${FREE} is in use by driver xenlight, domain red`);
    };
    await expect(perform(dom0, attach(FREE, 'libvirt'), never)).rejects.toMatchObject({ code: 'PreconditionFailed' });
    expect(done(dom0)).toEqual([]);
  });

  test('attach waits for an earlier change to end', async () => {
    const dom0 = fakeDom0();
    dom0.store.set(`${BACKEND}/state`, '7');
    const attached = perform(
      { ...dom0, deadlines: { ...dom0.deadlines, settleMs: 30_000 } },
      attach(FREE, 'xl'),
      never,
    );
    await expect.poll(() => dom0.store.watching).toBe(1);
    expect(done(dom0)).toEqual([]);
    dom0.store.set(`${BACKEND}/state`, '8');
    dom0.store.set(`${BACKEND}/state`, '4');
    await attached;
    expect(done(dom0)).toEqual([`pci-attach 1 ${FREE}`]);
  });

  test('attach clears permission to write everywhere that an earlier guest had', async () => {
    const dom0 = fakeDom0();
    writeTree(dom0.layout.sysfs, 'bus/pci/drivers/pciback/permissive', `${FREE}\n`);
    await perform(dom0, attach(FREE, 'xl'), never);
    expect(done(dom0)).toEqual([`pci-assignable-remove ${FREE}`, `pci-assignable-add ${FREE}`, `pci-attach 1 ${FREE}`]);
  });

  test('detach gives libvirt its own element back', async () => {
    const dom0 = fakeDom0();
    dom0.libvirt.live = domain(hostdevXml(FIRST, true), hostdevXml(SECOND, false));
    await perform(dom0, detach(FIRST, 'libvirt'), never);
    expect(done(dom0).map(text => text.replaceAll('"', "'"))).toEqual([`detach live ${hostdevXml(FIRST, true)}`]);
  });

  test('a detach that libvirt fails says what that may have done to libvirt', async () => {
    const dom0 = fakeDom0();
    dom0.libvirt.live = domain(hostdevXml(FIRST, false));
    dom0.libvirt.detachDevice = async () => {
      const nothing = { str1: null, str2: null, str3: null, int1: 0, int2: 0 };
      throw new LibvirtError('x', {
        code: 1,
        domain: 41,
        message: 'failed to detach pci device',
        level: 2,
        ...nothing,
      });
    };
    await expect(perform(dom0, detach(FIRST, 'libvirt'), never)).rejects.toMatchObject({
      code: 'StepFailed',
      message: expect.stringMatching(/failed to detach pci device.*restarting libvirtd/),
    });
  });

  test('detach returns when xenstore does not settle: the next look decides', async () => {
    const dom0 = fakeDom0();
    const { store } = dom0;
    const transaction = store.transaction.bind(store);
    let looks = 0;
    store.transaction = (body, options) => {
      looks += 1;
      if (looks === 3) store.set(`${BACKEND}/state`, '7');
      return transaction(body, options);
    };
    await perform(dom0, detach(FIRST, 'xl'), never);
    expect(done(dom0)).toEqual([`pci-detach 1 ${FIRST}`]);
  });

  test('configure changes only what is not as wanted', async () => {
    const dom0 = fakeDom0();
    dom0.libvirt.stored = domain(hostdevXml(FIRST, false), hostdevXml(SECOND, false));
    const step: Step = {
      verb: 'configure',
      domain: RED,
      add: [
        { device: SECOND, permissive: false },
        { device: FREE, permissive: true },
      ],
      remove: [FIRST, HOST],
      passthrough: true,
    };
    await perform(dom0, step, never);
    expect(dom0.libvirt.changes.map(([what, xml]) => [what, xml.replaceAll('"', "'")])).toEqual([
      ['detach config', hostdevXml(FIRST, false)],
      ['attach config', hostdevXml(FREE, true)],
      ['define', expect.stringContaining("<passthrough state='on'/>")],
    ]);
  });

  test('configure stores a definition anew only with its passwords', async () => {
    const dom0 = fakeDom0();
    dom0.libvirt.stored = "<domain><devices><graphics type='vnc'/></devices></domain>";
    dom0.libvirt.secure = "<domain><devices><graphics type='vnc' passwd='secret'/></devices></domain>";
    await perform(dom0, { verb: 'configure', domain: RED, add: [], remove: [], passthrough: true }, never);
    expect(dom0.libvirt.changes).toEqual([['define', expect.stringContaining('secret')]]);
  });
});

describe('release', () => {
  const override = (dom0: FakeDom0, device: Address): string =>
    join(dom0.layout.sysfs, `devices/pci0000:00/${device}/driver_override`);

  test('goes through xl, and leaves no order to bind to pciback again', async () => {
    const dom0 = fakeDom0();
    writeTree(dom0.layout.sysfs, `devices/pci0000:00/${FREE}/driver_override`, 'pciback\n');
    dom0.setXl(`grep -q pciback ${override(dom0, FREE)} && exit 3; exit 0`);
    await perform(dom0, release(FREE), never);
    expect(done(dom0)).toEqual([`pci-assignable-remove -r ${FREE}`]);
    expect(readFileSync(override(dom0, FREE), 'utf8')).toMatch(/^\n/);
  });

  test('binds the recorded driver when xl does not know it', async () => {
    const dom0 = fakeDom0();
    writeTree(dom0.layout.sysfs, 'bus/pci/drivers/nvme/bind', '');
    dom0.setXl(`rm $SYS/devices/pci0000:00/${FREE}/driver; echo "Couldn't find path for original driver" >&2`);
    await perform(dom0, release(FREE, 'nvme'), never);
    expect(readFileSync(join(dom0.layout.sysfs, 'bus/pci/drivers/nvme/bind'), 'utf8')).toBe(FREE);
  });

  test('goes on with what was cut off after the device had left pciback', async () => {
    const dom0 = fakeDom0();
    writeTree(dom0.layout.sysfs, 'bus/pci/drivers/nvme/bind', '');
    rmSync(join(dom0.layout.sysfs, `devices/pci0000:00/${FREE}/driver`));
    await perform(dom0, release(FREE, 'nvme'), never);
    expect(done(dom0)).toEqual([]);
    expect(readFileSync(join(dom0.layout.sysfs, 'bus/pci/drivers/nvme/bind'), 'utf8')).toBe(FREE);
  });

  test('leaves a device alone that xl has given to its driver', async () => {
    const dom0 = fakeDom0();
    writeTree(dom0.layout.sysfs, 'bus/pci/drivers/nvme/bind', '');
    const link = `$SYS/devices/pci0000:00/${FREE}/driver`;
    dom0.setXl(`rm ${link}; ln -s ../../../bus/pci/drivers/e1000e ${link}`);
    await perform(dom0, release(FREE, 'nvme'), never);
    expect(readFileSync(join(dom0.layout.sysfs, 'bus/pci/drivers/nvme/bind'), 'utf8')).toBe('');
  });

  test('leaves the choice to the kernel when nobody knows the driver', async () => {
    const dom0 = fakeDom0();
    writeTree(dom0.layout.sysfs, 'bus/pci/drivers_probe', '');
    dom0.setXl(`rm $SYS/devices/pci0000:00/${FREE}/driver; echo "Couldn't find path for original driver" >&2`);
    await perform(dom0, release(FREE), never);
    expect(readFileSync(join(dom0.layout.sysfs, 'bus/pci/drivers_probe'), 'utf8')).toBe(FREE);
  });

  test('quarantines first what came to pciback without xl', async () => {
    const dom0 = fakeDom0();
    writeTree(dom0.layout.sysfs, 'bus/pci/drivers_probe', '');
    dom0.setXl(`
      case $1 in
        pci-assignable-add) touch $SYS/quarantined; exit 0 ;;
        *) [ -e $SYS/quarantined ] || { echo "libxl: error: libxl_pci.c:906:f: failed to de-quarantine" >&2; exit 1; }
           rm $SYS/quarantined $SYS/devices/pci0000:00/${FREE}/driver ;;
      esac`);
    await perform(dom0, release(FREE), never);
    expect(existsSync(join(dom0.layout.sysfs, 'quarantined'))).toBe(false);
    expect(await dom0.sysfs.device(FREE)).not.toHaveProperty('driver');
  });

  test('says what xl said when it fails', async () => {
    const dom0 = fakeDom0();
    dom0.setXl('echo "libxl: error: libxl_pci.c:1:f: no way" >&2; exit 1');
    await expect(perform(dom0, release(FREE), never)).rejects.toMatchObject({
      code: 'StepFailed',
      message: expect.stringContaining('no way'),
    });
  });
});
