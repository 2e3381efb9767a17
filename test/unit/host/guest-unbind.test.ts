import { chmodSync, existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Address } from '../../../src/api/address.ts';
import type { GuestUnbind } from '../../../src/api/manifest.ts';
import { hostdevXml } from '../../../src/host/libvirt/definition.ts';
import { perform } from '../../../src/host/steps/perform.ts';
import { guestAddress } from '../../../src/host/xenstore/pci-backend.ts';
import type { DetachStep } from '../../../src/plan/step.ts';
import { type FakeDom0, fakeDom0 } from './fake-dom0.ts';
import { writeTree } from './temp-tree.ts';
import { RED_UUID } from './transcripts.ts';

const never = new AbortController().signal;
/** Red sees it at 0000:00:01.0. */
const DEVICE = '0000:02:00.0' as Address;
const GUEST = { name: 'red', uuid: RED_UUID, domid: 1 };

/** A dom0 with a program that makes guests let go: this script, with $ROOT for the folder of the dom0. */
function dom0With(script: string): { dom0: FakeDom0; program: string; read: (file: string) => string | undefined } {
  const dom0 = fakeDom0();
  const { root } = dom0.layout;
  writeTree(root, 'let-go', `#!/bin/sh\nROOT=${root}\n${script}\n`);
  const program = join(root, 'let-go');
  chmodSync(program, 0o755);
  dom0.libvirt.live = `<domain><devices>${hostdevXml(DEVICE, false)}</devices></domain>`;
  const read = (file: string) => (existsSync(join(root, file)) ? readFileSync(join(root, file), 'utf8') : undefined);
  return { dom0, program, read };
}

/** What came of a detach that the guest was told of: the error, remarks, and what was asked of libvirt and xl. */
async function detach(
  dom0: FakeDom0,
  unbind: Partial<GuestUnbind> & Pick<GuestUnbind, 'command'>,
  more: Partial<DetachStep> = {},
) {
  const whole: GuestUnbind = { timeoutSeconds: 30, onFailure: 'Refuse', ...unbind };
  const step: DetachStep = { verb: 'detach', device: DEVICE, guest: GUEST, via: 'libvirt', unbind: whole, ...more };
  const remarks: string[] = [];
  const error = await perform(dom0, step, never, text => remarks.push(text)).then(
    () => undefined,
    (cause: Error & { code: string }) =>
      `${cause.code}: ${cause.message.replaceAll(dirname(whole.command[0] ?? ''), '/ROOT')}`,
  );
  return { error, remarks, asked: [...dom0.libvirt.changes.map(([what]) => what), ...dom0.xlCalls()] };
}

describe('before a detach', () => {
  test('the program is told which device of which guest, by arguments and on standard input', async () => {
    const { dom0, program, read } = dom0With('printf "%s|" "$@" >$ROOT/args; cat >$ROOT/input');
    const command = [
      program,
      '{domain}',
      '{uuid}',
      '{domid}',
      '{device}',
      'at={guestDevice}',
      '{{{guestSlot}}}',
      '$HOME',
    ];
    const { error, asked } = await detach(dom0, { command, input: '{guestSlot}\n' });
    expect(error).toBeUndefined();
    expect(read('args')).toBe(`red|${RED_UUID}|1|0000:02:00.0|at=0000:00:01.0|{00:01.0}|$HOME|`);
    expect(read('input')).toBe('00:01.0\n');
    expect(asked).toEqual(['detach live']);
  });

  test('nothing is detached when it fails, and its last words are told', async () => {
    const { dom0, program } = dom0With('echo progress; echo first >&2; echo "no such guest" >&2; exit 3');
    expect(await detach(dom0, { command: [program, '{guestDevice}'] })).toEqual({
      error:
        'StepFailed: guestUnbind (/ROOT/let-go 0000:00:01.0) failed with exit code 3; it said: first; no such guest; 0000:02:00.0 stays with red',
      remarks: [],
      asked: [],
    });
  });

  test('one that hangs is ended at its deadline, with all that it has started', async () => {
    const { dom0, program } = dom0With('echo waiting for the guest; sleep 600 & sleep 600');
    expect(await detach(dom0, { command: [program], timeoutSeconds: 1 })).toEqual({
      error:
        'DeadlineExceeded: guestUnbind (/ROOT/let-go) did not end within 1 s and was ended; it said: waiting for the guest; 0000:02:00.0 stays with red',
      remarks: [],
      asked: [],
    });
  });

  test('with onFailure: Proceed it is detached all the same, and that is told', async () => {
    const { dom0, program } = dom0With('exit 1');
    const { error, remarks, asked } = await detach(dom0, { command: [program], onFailure: 'Proceed' });
    expect([error, asked]).toEqual([undefined, ['detach live']]);
    expect(remarks).toEqual([
      expect.stringMatching(/failed with exit code 1; detached all the same \(onFailure: Proceed\)$/),
    ]);
  });

  test('a program that is not there is a failure like any other', async () => {
    const { dom0 } = dom0With('');
    const { error, asked } = await detach(dom0, { command: ['/nowhere/let-go'] });
    expect(error).toMatch(
      /^StepFailed: guestUnbind: \/ROOT\/let-go: cannot be run: .*ENOENT; 0000:02:00.0 stays with red$/,
    );
    expect(asked).toEqual([]);
  });

  test('it is not run when the detach could not follow', async () => {
    const { dom0, program, read } = dom0With('touch $ROOT/ran');
    dom0.libvirt.live = '<domain><devices/></domain>';
    expect((await detach(dom0, { command: [program] })).error).toMatch(/^PreconditionFailed: .*libvirt does not know/);
    expect(read('ran')).toBeUndefined();
  });

  test('a guest that ends meanwhile is not touched any more', async () => {
    const { dom0, program } = dom0With('exit 0');
    const { isDomainIntroduced } = dom0.store;
    dom0.store.isDomainIntroduced = async domid => {
      const alive = await isDomainIntroduced.call(dom0.store, domid);
      dom0.store.introduced.delete(1);
      return alive;
    };
    dom0.setXl('exit 0');
    const { error, asked } = await detach(dom0, { command: [program], onFailure: 'Proceed' }, { via: 'xl' });
    expect(error).toMatch(/^PreconditionFailed: .*no longer runs/);
    expect(asked).toEqual([]);
  });

  test('a name that the program would take for an option is refused', async () => {
    const { dom0, program } = dom0With('exit 0');
    const guest = { ...GUEST, name: '--all' };
    const { error } = await detach(dom0, { command: [program, '{domain}'] }, { guest });
    expect(error).toMatch(/"--all" would be taken for an option/);
  });

  test('for an HVM guest the address is what its device model has answered', async () => {
    const { dom0, program, read } = dom0With('echo "$1" >$ROOT/told');
    dom0.store.set('/libxl/1/type', 'hvm');
    for (const [index, vdevfn] of ['28', '31'].entries()) {
      dom0.store.set(`/local/domain/0/backend/pci/1/0/vdevfn-${index}`, vdevfn);
    }
    expect((await detach(dom0, { command: [program, '{guestDevice}'] })).error).toBeUndefined();
    expect(read('told')).toBe('0000:00:06.1\n');
  });

  test('an address that xenstore does not show is said to be missing, where the command asks for it', async () => {
    const { dom0, program } = dom0With('exit 0');
    // Settled for an HVM guest, and then its type is not known any more.
    dom0.store.set('/libxl/1/type', undefined);
    for (const index of [0, 1]) dom0.store.set(`/local/domain/0/backend/pci/1/0/vdevfn-${index}`, '28');
    for (const index of [0, 1]) dom0.store.set(`/local/domain/0/backend/pci/1/0/vdev-${index}`, undefined);
    const { error } = await detach(dom0, { command: [program, '{guestSlot}'] });
    expect(error).toMatch(/^StepFailed: guestUnbind: \{guestSlot\} is not known/);
    expect((await detach(dom0, { command: [program, '{device}'] })).error).toBeUndefined();
  });

  test('force goes through xl', async () => {
    const { dom0, program } = dom0With('exit 0');
    const { asked } = await detach(dom0, { command: [program] }, { via: 'xl', force: true });
    expect(asked).toEqual(['pci-detach -f 1 0000:02:00.0']);
  });
});

describe('where a guest sees a device', () => {
  const at = (more: { vdev?: string; vdevfn?: string }, type: 'pv' | 'hvm' | undefined) =>
    guestAddress({ address: DEVICE, ...more }, type);

  test('a PV guest: where pciback has put it, with two digits of function', () => {
    expect(at({ vdev: '0000:00:01.00' }, 'pv')).toBe('0000:00:01.0');
    expect(at({ vdev: '0000:00:1f.07' }, 'pv')).toBe('0000:00:1f.7');
    expect(at({ vdev: '0000:00:01.10' }, 'pv')).toBeUndefined();
  });

  test('an HVM guest: slot and function as its device model has answered', () => {
    expect(at({ vdevfn: '28', vdev: '0000:00:00.00' }, 'hvm')).toBe('0000:00:05.0');
    expect(at({ vdevfn: '31' }, 'hvm')).toBe('0000:00:06.1');
    expect(at({ vdevfn: '80000030' }, 'hvm')).toBe('0000:00:06.0');
  });

  test('not known: a guest that has not got it yet', () => {
    expect(at({ vdev: '0000:00:00.00' }, 'hvm')).toBeUndefined();
    expect(at({}, 'pv')).toBeUndefined();
  });
});
