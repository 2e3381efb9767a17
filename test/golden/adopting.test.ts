import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { deviceSchema } from '../../src/api/schema-device.ts';
import { observe, runXl } from '../../src/simulator/index.ts';
import { inOneLine, run } from './on-screen.ts';
import { type SimulatedHost, simulatedHost } from './simulated-host.ts';

let host: SimulatedHost;

beforeAll(async () => {
  host = await simulatedHost();
});
afterAll(() => host.end());

async function xenpci(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const { code, out, err } = await run(args, { env: { XENPCI_ROOT: host.root } });
  return { code, out: host.golden(out), err: host.golden(err) };
}

test('what xl has attached is exported; the export is valid, and under it nothing moves', async () => {
  expect(await xenpci('export')).toEqual({ code: 0, out: '', err: 'No domain has a PCI device.\n' });
  for (const argv of [
    ['pci-assignable-add', '0000:01:00.0'],
    ['pci-attach', 'sys-net', '0000:01:00.0,permissive=1'],
  ]) {
    expect(runXl(host.dom0.model, { argv, readConfig: () => '' }).status).toBe(0);
  }
  const { code, out, err } = await xenpci('export', '--domain', 'sys-net', '--domain', 'storage');
  expect({ code, err }).toEqual({ code: 0, err: 'storage has no PCI device of its own.\n' });
  expect(out).toMatchInlineSnapshot(`
    "apiVersion: xenpci.dev/v1alpha1
    kind: PCIAssignment
    metadata:
      name: sys-net
    spec:
      domain: sys-net
      devices:
        # 0000:01:00.0: Intel Corporation 82574L Gigabit Network Connection
        - name: nic
          path: 00_11.0/00_00.0
          identity: { vendor: "8086", device: "10d3", subsystemVendor: "8086", subsystemDevice: "0000", class: "0200" }
          permissive: true
    "
  `);
  expect((await xenpci('export', '--address')).out).toContain('address: 0000:01:00.0');
  expect(await xenpci('export', '--domain', 'nobody')).toMatchObject({ code: 2 });

  const path = host.write('all.yaml', out);
  expect(await xenpci('validate', path)).toMatchObject({ code: 0 });
  expect((await xenpci('plan')).out).not.toMatch(/bind|attach |detach|release/);
  const before = observe(host.dom0.model).devices.get('0000:01:00.0' as never)?.place;
  expect(before).toMatchObject({ at: 'guest', domain: 'sys-net' });
});

test('boot-hide prints what to write, and says what differs', async () => {
  const { code, out } = await xenpci('boot-hide');
  expect(code).toBe(1);
  expect(out).toMatchInlineSnapshot(`
    "# /etc/modprobe.d/xenpci.conf: pciback comes before the drivers of dom0
    options xen-pciback hide=(0000:01:00.0)
    softdep e1000e pre: xen-pciback

    # Debian: /etc/initramfs-tools/modules, then update-initramfs -u
    xen-pciback

    # dracut: /etc/dracut.conf.d/xenpci.conf, then dracut -f
    force_drivers+=" xen-pciback "

    # or, for a kernel with xen-pciback built in: its command line
    xen-pciback.hide=(0000:01:00.0)

    # neither the kernel nor modprobe is told to hide anything
    # It differs from what the running kernel was told.
    "
  `);
  const conf = join(host.root, 'etc/modprobe.d/xenpci.conf');
  mkdirSync(dirname(conf), { recursive: true });
  writeFileSync(conf, (await xenpci('boot-hide', '-o', 'modprobe')).out);
  expect(await xenpci('boot-hide')).toMatchObject({
    code: 0,
    out: expect.stringMatching(/xenpci\.conf:\s(# )?the same/),
  });
  writeFileSync(conf, 'options xen-pciback hide=(01:00.0)(02:00.0\n');
  expect(inOneLine((await xenpci('boot-hide')).out.replaceAll('\n# ', '\n'))).toContain(
    'the kernel rejects "(01:00.0)(02:00.0", and pciback does not load',
  );
  expect(JSON.parse((await xenpci('boot-hide', '-o', 'json')).out)).toMatchObject({
    hide: ['0000:01:00.0'],
    text: '(0000:01:00.0)',
    same: false,
  });
});

test('every PCIDevice is as its schema says', async () => {
  const { items } = JSON.parse((await xenpci('get', 'devices', '-o', 'json')).out) as { items: unknown[] };
  expect(items.length).toBeGreaterThan(5);
  for (const item of items) expect(deviceSchema.safeParse(item).error?.issues ?? []).toEqual([]);
});
