import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { build } from 'esbuild';
import { beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { runProgram } from '../../src/cli/program.ts';
import { newTrial } from '../../src/cli/trial/record.ts';
import { InventoryFile } from '../../src/daemon/inventory-file.ts';
import { acquireLock } from '../../src/daemon/lock.ts';
import type { Trial } from '../../src/daemon/trial/trial.ts';
import { TrialFile } from '../../src/daemon/trial/trial-file.ts';
import { createHost } from '../../src/host/index.ts';
import { readStartMarks } from '../../src/host/start/start-marks.ts';
import { DEFAULT_WORLD, observe, type SimulatedDom0 } from '../../src/simulator/index.ts';
import { CHECKOUT, capturedShell, type Ran, run } from '../unit/cli/captured-shell.ts';
import { address } from '../world.ts';
import { type SimulatedHost, simulatedHost } from './simulated-host.ts';

const NIC = '0000:01:00.0';
const MEDIA = '2a1c7c35-4f0b-4b53-8f0e-0d6a3ad0a003';

async function hostOf(world = DEFAULT_WORLD): Promise<SimulatedHost> {
  const host = await simulatedHost(world);
  onTestFinished(host.end);
  return host;
}

function manifest(devices: string, more = ''): string {
  return `apiVersion: xenpci.dev/v1alpha1
kind: PCIAssignment
metadata: {name: media}
spec:
  domain: media
${more}  devices:
${devices}`;
}

const LAN = manifest(`    - {name: lan, address: "${NIC}"}\n`);

function hostdev(text: string, alias = `<alias name='ua-xenpci-test'/>`): string {
  const [bus, slot] = [text.slice(5, 7), text.slice(8, 10)];
  const source = `<source><address domain='0x0000' bus='0x${bus}' slot='0x${slot}' function='0x0'/></source>`;
  return `<hostdev mode='subsystem' type='pci' managed='no'><driver name='xen'/>${source}${alias}</hostdev>`;
}

function definition(...devices: string[]): string {
  return `<domain type='xen'><name>media</name><uuid>${MEDIA}</uuid><os><type machine='xenpv'>linux</type></os>
    <devices>${devices.map(text => hostdev(text)).join('')}</devices></domain>`;
}

/** Calls the hook as libvirt does. */
function hook({ root }: SimulatedHost, xml: string, phase = 'prepare', ...options: string[]): Promise<Ran> {
  const args = ['--root', root, 'hook', ...options, 'media', phase, 'begin', '-'];
  return run(args, { stdin: Readable.from([Buffer.from(xml)]) });
}

function driverOf({ model }: SimulatedDom0, text: string): string | undefined {
  return observe(model).devices.get(address(text))?.driver;
}

describe('prepare', () => {
  test('binds a device that is with dom0, and remembers its driver first', async () => {
    const host = await hostOf();
    host.write('media.yaml', LAN);
    expect(await hook(host, definition(NIC))).toEqual({ code: 0, out: '', err: '' });
    expect(driverOf(host.dom0, NIC)).toBe('pciback');
    const record = await new InventoryFile(host.dom0.layout).load();
    expect(record.get(address(NIC))).toMatchObject({ hostDriver: { name: 'e1000e' }, domain: { uuid: MEDIA } });
    expect(host.dom0.model.dom0.violations).toEqual([]);
  });

  test('keeps a controller from taking the device back until the domain is there', async () => {
    const host = await hostOf();
    host.write('media.yaml', LAN);
    const { layout } = host.dom0;
    const step = { verb: 'release', device: address(NIC) } as const;
    expect((await hook(host, definition(NIC))).code).toBe(0);
    expect(await readStartMarks(layout, Date.now())).toMatchObject([{ name: 'media', devices: [NIC] }]);
    const controller = createHost(layout);
    onTestFinished(() => controller.close());
    const { domains } = await controller.observe(AbortSignal.timeout(5_000));
    expect(domains.find(({ name }) => name === 'media')).toMatchObject({ state: 'changing' });
    await expect(controller.perform(step, AbortSignal.timeout(5_000))).rejects.toThrow(
      'not done, because media is being started with 0000:01:00.0',
    );
    expect(driverOf(host.dom0, NIC)).toBe('pciback');
    expect((await hook(host, definition(NIC), 'started')).code).toBe(0);
    await controller.perform(step, AbortSignal.timeout(5_000));
    expect(driverOf(host.dom0, NIC)).toBe('e1000e');
  });

  test('leaves the record to a controller that runs', async () => {
    const host = await hostOf();
    host.write('media.yaml', LAN);
    const lock = await acquireLock(host.dom0.layout);
    onTestFinished(() => lock.release());
    expect((await hook(host, definition(NIC))).code).toBe(0);
    expect(driverOf(host.dom0, NIC)).toBe('pciback');
    expect((await new InventoryFile(host.dom0.layout).load()).size).toBe(0);
  });

  test('takes the write access of an earlier guest from a device', async () => {
    const host = await hostOf();
    host.write('media.yaml', LAN);
    const { model, xl } = host.dom0;
    expect((await xl.run(['pci-assignable-add', NIC], '/')).status).toBe(0);
    expect((await xl.run(['pci-attach', 'sys-net', `${NIC},permissive=1`], '/')).status).toBe(0);
    expect((await xl.run(['pci-detach', 'sys-net', NIC], '/')).status).toBe(0);
    const permissive = (): string =>
      readFileSync(join(host.dom0.layout.sysfs, 'bus/pci/drivers/pciback/permissive'), 'utf8');
    expect(permissive()).toContain(NIC);
    expect((await hook(host, definition(NIC))).code).toBe(0);
    expect(permissive()).not.toContain(NIC);
    expect(driverOf(host.dom0, NIC)).toBe('pciback');
    expect(model.dom0.violations).toEqual([]);
  });

  test('refuses in one line what is missing, and nothing is touched', async () => {
    const host = await hostOf();
    host.write(
      'media.yaml',
      manifest(`    - {name: lan, address: "${NIC}"}\n    - {name: x, address: "0000:99:00.0"}\n`),
    );
    const { code, err } = await hook(host, definition(NIC, '0000:99:00.0'));
    expect(code).toBe(1);
    expect(host.golden(err)).toBe(
      'xenpci: device 0000:99:00.0 is missing; put it back or remove it from /m/media.yaml:8\n',
    );
    expect(driverOf(host.dom0, NIC)).toBe('e1000e');
    expect(await readStartMarks(host.dom0.layout, Date.now())).toEqual([]);
  });

  test('refuses another card in the slot', async () => {
    const host = await hostOf();
    host.write('media.yaml', manifest(`    - {name: lan, address: "${NIC}", identity: {device: "1533"}}\n`));
    const { code, err } = await hook(host, definition(NIC));
    expect([code, host.golden(err)]).toEqual([
      1,
      'xenpci: the device at 0000:01:00.0 is another one: device is 10d3, not 1533; edit identity to accept it (/m/media.yaml:7)\n',
    ]);
  });

  test('refuses a device that a domain has of which libvirt knows nothing', async () => {
    const world = {
      ...DEFAULT_WORLD,
      domains: [
        ...DEFAULT_WORLD.domains,
        {
          name: 'blue',
          uuid: '2a1c7c35-4f0b-4b53-8f0e-0d6a3ad0a009',
          toolstack: 'xl',
          running: true,
          devices: [address(NIC)],
        },
      ],
    } as const;
    const host = await hostOf(world);
    host.write('media.yaml', LAN);
    const { code, err } = await hook(host, definition(NIC));
    expect(code).toBe(1);
    expect(err).toMatch(/^xenpci: blue \(domain id \d\) has 0000:01:00.0; detach it there \(xl pci-detach .*\n$/);
  });

  test('waits until a device has been let go of, and not longer than its time', { timeout: 240_000 }, async () => {
    const host = await hostOf();
    host.write('media.yaml', LAN);
    const { store } = host.dom0.model.dom0;
    const holder = host.dom0.model.domain('storage').instance?.domid;
    store.write('/libxl/pci/0000-01-00-0/domid', `${holder}`);
    // On a machine that is busy the first look itself may take as long.
    let late = await hook(host, definition(NIC), 'prepare', '--timeout', '3');
    for (let seconds = 6; late.err.includes('not ready in time') && seconds < 100; seconds *= 2) {
      late = await hook(host, definition(NIC), 'prepare', '--timeout', `${seconds}`);
    }
    expect([late.code, late.err]).toEqual([
      1,
      'xenpci: storage has not let go of 0000:01:00.0 yet, and the time is up\n',
    ]);
    let done = false;
    const waiting = hook(host, definition(NIC)).finally(() => {
      done = true;
    });
    await vi.waitFor(async () => expect(await readStartMarks(host.dom0.layout, Date.now())).toHaveLength(1), {
      timeout: 60_000,
    });
    expect(done).toBe(false);
    store.remove('/libxl/pci/0000-01-00-0/domid');
    expect(await waiting).toMatchObject({ code: 0, err: '' });
    expect(driverOf(host.dom0, NIC)).toBe('pciback');
  });

  test('a manifest of another domain that is broken keeps nobody from starting', async () => {
    const host = await hostOf();
    host.write('media.yaml', LAN);
    host.write('broken.yaml', 'kind: [');
    await host.dom0.xl.run(['pci-assignable-add', NIC], '/');
    expect(await hook(host, definition(NIC))).toMatchObject({ code: 0, err: '' });
    expect(await hook(host, definition())).toMatchObject({ code: 0, err: '' });
  });

  test('a domain without devices starts whatever is broken', async () => {
    const host = await hostOf();
    await host.dom0.xenstored.down();
    expect(await hook(host, definition())).toEqual({ code: 0, out: '', err: '' });
    const { code, err } = await hook(host, definition(NIC));
    expect(code).toBe(1);
    expect(err.trimEnd().split('\n')).toHaveLength(1);
    expect(err).toMatch(/^xenpci: cannot prepare its devices: .*xenstored/);
  });

  test('a definition that cannot be understood is refused only where it may have a device', async () => {
    const host = await hostOf();
    expect(await hook(host, '<hostdev')).toMatchObject({ code: 1 });
    expect((await hook(host, 'nonsense')).code).toBe(0);
    const long = await hook(host, ' '.repeat(2_000_000));
    expect([long.code, long.err]).toEqual([
      1,
      'xenpci: the definition of media cannot be read from standard input: it is longer than 1048576 bytes\n',
    ]);
  });

  test('input that never ends does not hold up the start for longer than its time', async () => {
    const host = await hostOf();
    const endless = new Readable({ read: () => undefined });
    const shell = capturedShell({ stdin: endless });
    const args = ['--root', host.root, 'hook', '--timeout', '0.2', 'media', 'prepare'];
    expect(await runProgram(args, shell)).toBe(1);
    expect(shell.err()).toMatch(/^xenpci: the definition of media cannot be read from standard input: /);
  });

  test('a record that cannot be written keeps a device where it is', async () => {
    const host = await hostOf();
    host.write('media.yaml', LAN);
    mkdirSync(join(host.dom0.layout.state, 'inventory.json.new'), { recursive: true });
    const { code, err } = await hook(host, definition(NIC));
    expect(code).toBe(1);
    expect(err).toMatch(/^xenpci: the record of held devices cannot be written: /);
    expect(driverOf(host.dom0, NIC)).toBe('e1000e');
  });
});

describe('prepare while a manifest is tried', () => {
  const NVME = '0000:02:00.0';
  const NVME_TRIED = manifest(`    - {name: disk, address: "${NVME}"}\n`);

  /** Tries a text in place of the manifest of the folder. */
  async function tried({ dom0: { layout } }: SimulatedHost, text: string, change: Partial<Trial> = {}): Promise<void> {
    const path = join(layout.manifests, 'media.yaml');
    const globals = { layout, manifests: layout.manifests, manifestsGiven: false };
    const file = { path, bytes: Buffer.from(text), same: false };
    const trial = await newTrial({ globals, manifest: file, timeoutMs: 3_600_000, by: 'anna' });
    await new TrialFile(layout).begin({ ...trial, ...change });
  }

  async function hostWith(text: string): Promise<SimulatedHost> {
    const host = await hostOf();
    host.write('media.yaml', text);
    return host;
  }

  test('goes by what is tried, and not by the folder', async () => {
    const host = await hostWith(LAN);
    await tried(host, NVME_TRIED);
    expect(await hook(host, definition(NVME))).toEqual({ code: 0, out: '', err: '' });
    expect((await hook(host, definition(NIC, NVME))).err).toContain(`${NIC} is with dom0`);
    expect([driverOf(host.dom0, NVME), driverOf(host.dom0, NIC)]).toEqual(['pciback', 'e1000e']);
    const held = await new InventoryFile(host.dom0.layout).load();
    expect([...held.keys()]).toEqual([NVME]);
  });

  test('refuses by what is tried', async () => {
    const host = await hostWith('# Nothing is desired.\n');
    await tried(host, manifest('    - {name: x, address: "0000:99:00.0"}\n'));
    const { code, err } = await hook(host, definition('0000:99:00.0'));
    expect([code, host.golden(err)]).toEqual([
      1,
      'xenpci: device 0000:99:00.0 is missing; put it back or remove it from /m/media.yaml:7\n',
    ]);
  });

  test.each<[string, Partial<Trial>]>([
    ['is over', { begunUptimeMs: 0, timeoutMs: 1 }],
    ['is of another boot', { bootId: 'another' }],
    ['was taken back', { end: { how: 'reverted', by: 'anna' } }],
    ['is of another folder', { folder: '/elsewhere' }],
  ])('goes by the folder when the trial %s', async (_, change) => {
    const host = await hostWith(LAN);
    await tried(host, NVME_TRIED, change);
    expect(await hook(host, definition(NIC))).toEqual({ code: 0, out: '', err: '' });
    expect((await hook(host, definition(NIC, NVME))).err).toContain(`${NVME} is with dom0`);
    expect([driverOf(host.dom0, NVME), driverOf(host.dom0, NIC)]).toEqual(['nvme', 'pciback']);
  });

  test('goes by what is tried, as the controller does, while the file in its place cannot be read', async () => {
    const host = await hostWith(LAN);
    await tried(host, NVME_TRIED);
    const path = join(host.dom0.layout.manifests, 'media.yaml');
    rmSync(path);
    symlinkSync('media.yaml', path);
    expect(await hook(host, definition(NVME))).toEqual({ code: 0, out: '', err: '' });
    expect(driverOf(host.dom0, NVME)).toBe('pciback');
  });

  test('a record of a trial that is damaged keeps nobody from starting', async () => {
    const host = await hostWith(LAN);
    mkdirSync(host.dom0.layout.state, { recursive: true });
    writeFileSync(new TrialFile(host.dom0.layout).path, '{"version":1,');
    expect(await hook(host, definition(NIC))).toEqual({ code: 0, out: '', err: '' });
    expect(driverOf(host.dom0, NIC)).toBe('pciback');
  });
});

describe('every other phase', () => {
  test.each(['start', 'started', 'stopped', 'release', 'migrate', 'reconnect', 'restore', 'tomorrow'])(
    '%s ends with 0',
    async phase => {
      const host = await hostOf();
      await host.dom0.xenstored.down();
      expect(await hook(host, 'nonsense', phase)).toEqual({ code: 0, out: '', err: '' });
    },
  );

  test('the libvirtd that calls is noted; another one has not called', async () => {
    const host = await hostOf();
    const controller = createHost(host.dom0.layout);
    onTestFinished(() => controller.close());
    const look = () => controller.observe(AbortSignal.timeout(5_000));
    expect(await look()).not.toHaveProperty('hookInForce');
    await hook(host, '', 'reconnect', '--caller', `${process.pid}`);
    expect(await look()).toMatchObject({ hookInForce: true });
    const other = spawn('/bin/sleep', ['60']);
    await hook(host, '', 'reconnect', '--caller', `${other.pid}`);
    expect(await look()).toMatchObject({ hookInForce: true });
    other.kill('SIGKILL');
    await once(other, 'exit');
    expect(await look()).not.toHaveProperty('hookInForce');
  });
});

test('a hook that is there unchanged is in force for the next libvirtd as well, and one that is gone for none', async () => {
  const host = await hostOf();
  const controller = createHost(host.dom0.layout);
  onTestFinished(() => controller.close());
  const look = () => controller.observe(AbortSignal.timeout(5_000));
  const script = join(host.root, 'script');
  writeFileSync(script, '');
  const libvirtd = spawn('/bin/sleep', ['60']);
  await hook(host, '', 'reconnect', '--caller', `${libvirtd.pid}`, '--script', script);
  libvirtd.kill('SIGKILL');
  await once(libvirtd, 'exit');
  expect(await look()).toMatchObject({ hookInForce: true });
  chmodSync(script, 0o755);
  expect(await look()).not.toHaveProperty('hookInForce');
  await hook(host, '', 'reconnect', '--caller', `${process.pid}`, '--script', script);
  expect(await look()).toMatchObject({ hookInForce: true });
  rmSync(script);
  expect(await look()).not.toHaveProperty('hookInForce');
});

describe('the installed script', () => {
  let program = '';
  beforeAll(async () => {
    program = '/tmp/xenpci-hook-test.cjs';
    const entryPoints = [join(CHECKOUT, 'src/main.ts')];
    await build({ entryPoints, outfile: program, bundle: true, platform: 'node', target: 'node20.19', format: 'cjs' });
    return () => rmSync(program);
  });

  function install({ root }: SimulatedHost): void {
    const folder = join(root, 'etc/libvirt/hooks/libxl.d');
    mkdirSync(folder, { recursive: true });
    writeFileSync(
      join(root, 'xenpci'),
      `#!/bin/sh\nXENPCI_ROOT='${root}' exec '${process.execPath}' '${program}' "$@"\n`,
    );
    chmodSync(join(root, 'xenpci'), 0o755);
    const text = readFileSync(join(CHECKOUT, 'manifests/libvirt/xenpci-hook'), 'utf8');
    writeFileSync(join(folder, 'xenpci'), text.replace('/usr/bin/xenpci', `${root}/xenpci`), { mode: 0o755 });
  }

  test('libvirtd calls it once it has started anew, and its words reach whoever starts the domain', async () => {
    const host = await hostOf();
    const { libvirtd, model } = host.dom0;
    host.write('media.yaml', LAN);
    const media = model.domain('media');
    model.libvirt.attach(
      media,
      { address: address(NIC), managed: false, permissive: false, driverNamed: true },
      { live: false, stored: true },
    );
    install(host);
    await expect(libvirtd.start('media')).rejects.toThrow('must be manually detached from the host');
    await libvirtd.restart();
    await libvirtd.start('media');
    expect(observe(model).devices.get(address(NIC))?.place).toMatchObject({ domain: 'media' });
    model.destroy('media');
    host.write(
      'media.yaml',
      manifest(`    - {name: lan, address: "${NIC}"}\n    - {name: x, address: "0000:99:00.0"}\n`),
    );
    await expect(libvirtd.start('media')).rejects.toThrow(
      /Hook script execution failed: .* exit status 1: xenpci: device 0000:99:00.0 is missing; put it back/,
    );
  }, 30_000);

  test('a missing program keeps no domain from starting', async () => {
    const host = await hostOf();
    install(host);
    rmSync(join(host.root, 'xenpci'));
    await host.dom0.libvirtd.restart();
    await host.dom0.libvirtd.start('media');
    expect(host.dom0.model.domain('media').instance).toBeDefined();
  });
});
