import type { Answer } from '../../host/index.ts';
import type { ObservedDomain } from '../../plan/observed.ts';
import type { BootHide } from '../boot-hide/boot-settings.ts';
import { type Check, notChecked } from './check.ts';

/** A domain that a manifest names, and what was found of it: undefined when nobody knows it. */
export interface NamedDomain {
  readonly name: string;
  readonly domain: ObservedDomain | undefined;
}

/** Judges whether the domains that manifests name can be given devices. Pure. */
export function domainChecks(domains: Answer<readonly NamedDomain[]>): readonly Check[] {
  return 'unknown' in domains ? [notChecked('domains', domains)] : domains.found.map(domainCheck);
}

function domainCheck({ name: domainName, domain }: NamedDomain): Check {
  const name = `domain/${domainName}`;
  if (domain === undefined) {
    return { name, result: 'warning', message: 'neither libvirt nor xl knows it', mend: 'virsh list --all' };
  }
  if (domain.type === 'pvh') {
    const mend = `virsh edit ${domainName}: make it PV or HVM`;
    return { name, result: 'failure', message: 'Xen gives no devices to PVH domains', mend };
  }
  if (domain.domid !== undefined) return runningCheck(name, domain);
  if (domain.stored?.passthrough === false) {
    const message = 'its stored definition is without PCI passthrough; the controller sets it before the next start';
    return { name, result: 'warning', message, mend: 'xenpci reconcile --once' };
  }
  return { name, result: 'ok', message: 'is shut off, and set for PCI passthrough' };
}

function runningCheck(name: string, { passthrough, name: domainName, toolstack }: ObservedDomain): Check {
  switch (passthrough) {
    case 'on':
      return { name, result: 'ok', message: 'runs with PCI passthrough' };
    case 'off': {
      const message = 'was started without PCI passthrough: nothing can be attached while it runs';
      const start =
        toolstack === 'xl' ? 'start it with xl create and passthrough="sync_pt"' : `virsh start ${domainName}`;
      const stop = toolstack === 'xl' ? `xl shutdown ${domainName}` : `virsh shutdown ${domainName}`;
      return { name, result: 'warning', message, mend: `${stop}, then ${start}` };
    }
    case 'unknown':
      return { name, result: 'ok', message: 'runs; the first attach will show whether with PCI passthrough' };
  }
}

/** Judges whether the next boot keeps dom0's drivers from the assigned devices. Pure. */
export function bootHideCheck(answer: Answer<BootHide>): Check {
  const name = 'boot-hide';
  if ('unknown' in answer) return notChecked(name, answer);
  const { hide, settings, same } = answer.found;
  const rejected = settings.find(setting => setting.rejected);
  if (rejected !== undefined) {
    const message = `the kernel rejects what ${rejected.source} says, and pciback does not load`;
    return { name, result: 'failure', message, mend: 'xenpci boot-hide' };
  }
  const devices = hide.length === 1 ? '1 device' : `${hide.length} devices`;
  if (same) {
    const message = hide.length === 0 ? 'there is nothing to hide' : `${devices} hidden from dom0's drivers`;
    return { name, result: 'ok', message };
  }
  const message =
    hide.length === 0
      ? 'devices are hidden at boot that no assignment wants'
      : `at boot dom0's drivers take assigned devices first, or hidden is more than wanted (${devices} to hide)`;
  const mend = 'xenpci boot-hide -o modprobe >/etc/modprobe.d/xenpci.conf; update-initramfs -u';
  return { name, result: 'warning', message, mend };
}
