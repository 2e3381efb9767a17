import type { Examination } from '../../host/index.ts';
import { type Check, notChecked } from './check.ts';

/** Versions of Xen and libvirt on which xenpci has been tried (test/xen). */
const XEN_TRIED = ['4.17', '4.20'];
const LIBVIRT_TRIED = ['9.0', '11.3'];

/** The hook that comes with the program, and where libvirt looks for it. */
export interface HookInstall {
  readonly from: string;
  readonly to: string;
}

/** Judges the parts of a dom0 that xenpci works with. Pure. */
export function hostChecks(host: Examination, install: HookInstall): readonly Check[] {
  return [
    xenCheck(host),
    versionCheck(host),
    iommuCheck(host),
    quarantineCheck(host),
    pcibackCheck(host),
    xenstoreCheck(host),
    libvirtCheck(host),
    hookCheck(host, install),
    pciIdsCheck(host),
  ];
}

function xenCheck({ xen }: Examination): Check {
  const name = 'xen';
  if ('unknown' in xen) return { name, result: 'failure', message: xen.unknown };
  if (xen.found) return { name, result: 'ok', message: 'this is a dom0' };
  return {
    name,
    result: 'failure',
    message: 'this machine is no Xen dom0: it was started without Xen, or Xen is not installed',
    mend: { commands: ['apt install xen-system-amd64'], words: 'then reboot and choose the entry with Xen' },
  };
}

function versionCheck({ xl }: Examination): Check {
  const name = 'xl';
  if ('unknown' in xl) {
    const mend = { commands: ['apt install xen-utils-common'], words: 'xl info says more' };
    return { name, result: 'failure', message: xl.unknown, mend };
  }
  const { version } = xl.found;
  if (version === undefined) return { name, result: 'warning', message: 'xl info does not show the version of Xen' };
  return { name, ...tried('Xen', version, XEN_TRIED) };
}

function tried(what: string, version: string, versions: readonly string[]): Pick<Check, 'result' | 'message'> {
  const message = `${what} ${version}`;
  if (versions.some(known => version === known || version.startsWith(`${known}.`))) return { result: 'ok', message };
  return { result: 'warning', message: `${message}; xenpci has been tried with ${versions.join(' and ')} only` };
}

function iommuCheck({ xl }: Examination): Check {
  const name = 'iommu';
  if ('unknown' in xl) return { name, result: 'warning', message: 'not checked, because xl does not answer' };
  const { iommu } = xl.found;
  switch (iommu.state) {
    case 'present':
      return { name, result: 'ok', message: 'Xen uses an IOMMU' };
    case 'absent': {
      const words = "switch VT-d or AMD-Vi on in the firmware's setup; take iommu=0 from Xen's command line; reboot";
      const mend = { words };
      return { name, result: 'failure', message: 'Xen uses no IOMMU, and gives no device to a guest without', mend };
    }
    case 'unknown':
      return { name, result: 'failure', message: `it cannot be told whether Xen uses an IOMMU: ${iommu.why}` };
  }
}

function quarantineCheck({ xl }: Examination): Check {
  const name = 'quarantine';
  if ('unknown' in xl) return { name, result: 'warning', message: 'not checked, because xl does not answer' };
  switch (xl.found.quarantine) {
    case 'on':
      return { name, result: 'ok', message: 'Xen keeps devices that leave a guest from all memory' };
    case 'off': {
      const words = 'take no-quarantine from iommu= in GRUB_CMDLINE_XEN of /etc/default/grub, update-grub, reboot';
      const mend = { words };
      return { name, result: 'warning', message: 'Xen was started with iommu=no-quarantine', mend };
    }
    case undefined:
      return { name, result: 'warning', message: "xl info does not show Xen's command line" };
  }
}

function pcibackCheck({ pciback }: Examination): Check {
  const name = 'pciback';
  if ('unknown' in pciback) return notChecked(name, pciback);
  if (pciback.found) return { name, result: 'ok', message: 'the kernel has it' };
  const mend = { commands: ['modprobe xen-pciback'] };
  return { name, result: 'failure', message: 'the kernel does not have it loaded', mend };
}

function xenstoreCheck({ xenstore }: Examination): Check {
  const name = 'xenstore';
  if ('found' in xenstore) return { name, result: 'ok', message: 'xenstored answers' };
  const mend = { commands: ['systemctl restart xen', 'modprobe xen-evtchn'] };
  return { name, result: 'failure', message: xenstore.unknown, mend };
}

function libvirtCheck({ libvirt, virtxend }: Examination): Check {
  const name = 'libvirt';
  if ('found' in libvirt) {
    const { major, minor, release } = libvirt.found;
    return { name, ...tried('libvirt', `${major}.${minor}.${release}`, LIBVIRT_TRIED) };
  }
  const message = libvirt.unknown;
  // It asks Xen once, when it starts, and Debian's unit does not wait for xenstored (seen with 11.3 on Xen 4.20).
  if (/state driver is not active/.test(message)) {
    return {
      name,
      result: 'failure',
      message: `${message}: it was started before Xen's daemons`,
      mend: { commands: ['systemctl restart libvirtd'] },
    };
  }
  // virtxend has a socket of its own; virtproxyd is what answers at the old one (libvirt.org/daemons.html).
  const commands =
    'found' in virtxend && virtxend.found
      ? ['systemctl enable --now virtproxyd.socket']
      : ['apt install libvirt-daemon-driver-xen', 'systemctl enable --now libvirtd'];
  return { name, result: 'failure', message, mend: { commands } };
}

function hookCheck({ hook }: Examination, { from, to }: HookInstall): Check {
  const name = 'hook';
  if ('unknown' in hook) return notChecked(name, hook);
  const { files, called } = hook.found;
  const [usable] = files.filter(file => file.executable);
  if (usable === undefined) {
    const [dead] = files;
    if (dead !== undefined) {
      const mend = { commands: [`chmod +x ${dead.path}`] };
      return { name, result: 'warning', message: `${dead.path} is not executable`, mend };
    }
    const message = "libvirt's hook is not installed: domains start without a check of their devices";
    const commands = [`install -D -m 755 ${from} ${to}`, 'systemctl restart libvirtd'];
    return { name, result: 'warning', message, mend: { commands } };
  }
  if (called) return { name, result: 'ok', message: `libvirt calls ${usable.path}` };
  const message = `${usable.path} is there, and has not been called yet: libvirtd looks for hooks when it starts`;
  const mend = { commands: ['systemctl restart libvirtd'], words: 'then start a domain once' };
  return { name, result: 'warning', message, mend };
}

function pciIdsCheck({ pciIds }: Examination): Check {
  const name = 'pci.ids';
  if ('unknown' in pciIds) return notChecked(name, pciIds);
  if (pciIds.found !== undefined) return { name, result: 'ok', message: `names of cards are in ${pciIds.found}` };
  const mend = { commands: ['apt install pci.ids'] };
  return { name, result: 'warning', message: 'cards are shown without their names', mend };
}
