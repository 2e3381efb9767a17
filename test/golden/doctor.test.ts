import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, test as each, expect } from 'vitest';
import { run } from './on-screen.ts';
import { type SimulatedHost, simulatedHost } from './simulated-host.ts';

// Whoever is not root is told so, and owns the files.
const test = each.skipIf(process.geteuid?.() !== 0);

let host: SimulatedHost;

beforeAll(async () => {
  host = await simulatedHost();
});
afterAll(() => host.end());

/** What it says, with who runs the test made the same. */
async function doctor(root = host.root): Promise<string> {
  const { code, out, err } = await run(['doctor'], { env: { XENPCI_ROOT: root } });
  return `${host.golden(out).replaceAll(root, '/root')}${err}exit code ${code}\n`;
}

test('a fresh dom0 without manifests: warnings with what mends them, and exit code 0', async () => {
  expect(await doctor()).toMatchInlineSnapshot(`
    "ok       xen          this is a dom0
    ok       xl           Xen 4.17.5
    ok       iommu        Xen uses an IOMMU
    ok       quarantine   Xen keeps devices that leave a guest from all memory
    ok       pciback      the kernel has it
    ok       xenstore     xenstored answers
    ok       libvirt      libvirt 9.0.0
    warning  hook         libvirt's hook is not installed: domains start without a
                          check of their devices
      mend:  install -D -m 755 /checkout/manifests/libvirt/xenpci-hook /root/etc/libvirt/hooks/libxl.d/xenpci
             systemctl restart libvirtd
    ok       pci.ids      names of cards are in
                          /root/usr/share/misc/pci.ids
    ok       permissions  only root may change the manifests
    warning  manifests    /m has no manifests
                          yet, so no device is given to anybody
      mend:  xenpci export >/m/all.yaml
             or write one
    ok       state        /root/var/lib/xenpci is made at the first
                          start
    warning  controller   no controller runs: nothing is kept where the manifests
                          say
      mend:  systemctl enable --now xenpci
    ok       boot-hide    there is nothing to hide

    11 ok, 3 warnings, 0 failed
    exit code 0
    "
  `);
});

test('with manifests, each domain that one names has a line; what is wrong with the host is a failure', async () => {
  const assignment = (domain: string, device: string): string =>
    `apiVersion: xenpci.dev/v1alpha1\nkind: PCIAssignment\nmetadata: {name: ${domain}}\nspec:\n  domain: ${domain}\n  devices: [{name: x, address: "${device}"}]\n`;
  for (const [index, domain] of ['sys-net', 'media', 'legacy', 'nobody'].entries()) {
    host.write(`${domain}.yaml`, assignment(domain, `0000:0${index + 1}:00.0`));
  }
  const open = host.write('open.yaml', assignment('storage', '0000:06:00.0'));
  chmodSync(open, 0o666);
  const conf = join(host.root, 'etc/modprobe.d/xenpci.conf');
  mkdirSync(join(host.root, 'etc/modprobe.d'), { recursive: true });
  writeFileSync(conf, 'options xen-pciback hide=(01:00.0\n');
  const hooks = join(host.root, 'etc/libvirt/hooks/libxl.d');
  mkdirSync(hooks, { recursive: true });
  writeFileSync(join(hooks, 'xenpci'), '#!/bin/sh\n/usr/bin/xenpci hook\n', { mode: 0o755 });
  expect(await doctor()).toMatchInlineSnapshot(`
    "ok       xen             this is a dom0
    ok       xl              Xen 4.17.5
    ok       iommu           Xen uses an IOMMU
    ok       quarantine      Xen keeps devices that leave a guest from all memory
    ok       pciback         the kernel has it
    ok       xenstore        xenstored answers
    ok       libvirt         libvirt 9.0.0
    warning  hook            /root/etc/libvirt/hooks/libxl.d/xenpci is
                             there, and has not been called yet: libvirtd looks for
                             hooks when it starts
      mend:  systemctl restart libvirtd
             then start a domain once
    ok       pci.ids         names of cards are in
                             /root/usr/share/misc/pci.ids
    failure  permissions     others than its owner may change
                             /m/open.yaml, and
                             so give away any device
      mend:  chmod -R go-w /m
    ok       manifests       all in /m are
                             valid
    ok       state           /root/var/lib/xenpci is made at the first
                             start
    warning  controller      no controller runs: nothing is kept where the manifests
                             say
      mend:  systemctl enable --now xenpci
    warning  domain/legacy   was started without PCI passthrough: nothing can be
                             attached while it runs
      mend:  virsh shutdown legacy
             virsh start legacy
    warning  domain/media    its stored definition is without PCI passthrough; the
                             controller sets it before the next start
      mend:  xenpci reconcile --once
    warning  domain/nobody   neither libvirt nor xl knows it
      mend:  virsh list --all
    ok       domain/storage  runs with PCI passthrough
    ok       domain/sys-net  runs with PCI passthrough
    failure  boot-hide       the kernel rejects what
                             /root/etc/modprobe.d/xenpci.conf says, and
                             pciback does not load
      mend:  xenpci boot-hide

    12 ok, 5 warnings, 2 failed
    exit code 1
    "
  `);
  rmSync(conf);
  chmodSync(open, 0o600);
});

test('for programs, the same as JSON', async () => {
  const { code, out } = await run(['doctor', '-o', 'json'], { env: { XENPCI_ROOT: host.root } });
  const { kind, summary, checks } = JSON.parse(out);
  expect({ code, kind, failure: summary.failure }).toEqual({ code: 0, kind: 'Diagnosis', failure: 0 });
  expect(checks).toContainEqual({ name: 'xl', result: 'ok', message: 'Xen 4.17.5' });
});

test('daemons that do not answer fail, and all else is still checked', async () => {
  await Promise.all([host.dom0.libvirtd.down(), host.dom0.xenstored.down()]);
  rmSync(host.dom0.layout.xl);
  try {
    expect(await doctor()).toMatchInlineSnapshot(`
      "ok       xen          this is a dom0
      failure  xl           /root/usr/sbin/xl info: cannot be run: spawn
                            /root/usr/sbin/xl ENOENT; install xen-utils
        mend:  apt install xen-utils-common
               xl info says more
      warning  iommu        not checked, because xl does not answer
      warning  quarantine   not checked, because xl does not answer
      ok       pciback      the kernel has it
      failure  xenstore     cannot reach xenstored: connect ENOENT
                            /root/run/xenstored/socket; ENOENT: no such
                            file or directory, open
                            '/root/dev/xen/xenbus'; is this a Xen dom0,
                            and is xenstored running?
        mend:  systemctl restart xen
               modprobe xen-evtchn
      failure  libvirt      cannot reach libvirt at
                            /root/run/libvirt/libvirt-sock: connect
                            ENOENT /root/run/libvirt/libvirt-sock
        mend:  apt install libvirt-daemon-driver-xen
               systemctl enable --now libvirtd
      warning  hook         /root/etc/libvirt/hooks/libxl.d/xenpci is
                            there, and has not been called yet: libvirtd looks for
                            hooks when it starts
        mend:  systemctl restart libvirtd
               then start a domain once
      ok       pci.ids      names of cards are in
                            /root/usr/share/misc/pci.ids
      ok       permissions  only root may change the manifests
      ok       manifests    all in /m are valid
      ok       state        /root/var/lib/xenpci is made at the first
                            start
      warning  controller   no controller runs: nothing is kept where the manifests
                            say
        mend:  systemctl enable --now xenpci
      warning  domains      not checked: mend what failed above first
      warning  boot-hide    not checked, for the same reason

      6 ok, 6 warnings, 3 failed
      exit code 1
      "
    `);
  } finally {
    await Promise.all([host.dom0.libvirtd.up(), host.dom0.xenstored.up()]);
  }
});

test('a machine without Xen is told so, and what does not need Xen is checked', async () => {
  const root = mkdtempSync(join(tmpdir(), 'xenpci-none-'));
  mkdirSync(join(root, 'etc/xenpci/manifests'), { recursive: true });
  try {
    expect(await doctor(root)).toMatchInlineSnapshot(`
      "failure  xen          this machine is no Xen dom0: it was started without Xen,
                            or Xen is not installed
        mend:  apt install xen-system-amd64
               then reboot and choose the entry with Xen
      failure  xl           /root/usr/sbin/xl info: cannot be run:
                            spawn /root/usr/sbin/xl ENOENT; install
                            xen-utils
        mend:  apt install xen-utils-common
               xl info says more
      warning  iommu        not checked, because xl does not answer
      warning  quarantine   not checked, because xl does not answer
      failure  pciback      the kernel does not have it loaded
        mend:  modprobe xen-pciback
      failure  xenstore     cannot reach xenstored: connect ENOENT
                            /root/run/xenstored/socket; ENOENT: no
                            such file or directory, open
                            '/root/dev/xen/xenbus'; is this a Xen
                            dom0, and is xenstored running?
        mend:  systemctl restart xen
               modprobe xen-evtchn
      failure  libvirt      cannot reach libvirt at
                            /root/run/libvirt/libvirt-sock: connect
                            ENOENT /root/run/libvirt/libvirt-sock
        mend:  apt install libvirt-daemon-driver-xen
               systemctl enable --now libvirtd
      warning  hook         libvirt's hook is not installed: domains start without a
                            check of their devices
        mend:  install -D -m 755 /checkout/manifests/libvirt/xenpci-hook /root/etc/libvirt/hooks/libxl.d/xenpci
               systemctl restart libvirtd
      warning  pci.ids      cards are shown without their names
        mend:  apt install pci.ids
      ok       permissions  only root may change the manifests
      warning  manifests    /root/etc/xenpci/manifests has no
                            manifests yet, so no device is given to anybody
        mend:  xenpci export >/root/etc/xenpci/manifests/all.yaml
               or write one
      ok       state        /root/var/lib/xenpci is made at the
                            first start
      warning  controller   no controller runs: nothing is kept where the manifests
                            say
        mend:  systemctl enable --now xenpci
      warning  domains      not checked: mend what failed above first
      warning  boot-hide    not checked, for the same reason

      2 ok, 8 warnings, 5 failed
      exit code 1
      "
    `);
  } finally {
    rmSync(root, { recursive: true });
  }
});
