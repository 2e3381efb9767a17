import type { Answer } from '../../host/index.ts';
import type { ObservedDomain } from '../../plan/observed.ts';
import { shellQuoted } from '../shell-quoted.ts';
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
    return {
      name,
      result: 'warning',
      message: 'neither libvirt nor xl knows it',
      mend: { commands: ['virsh list --all'] },
    };
  }
  if (domain.type === 'pvh') {
    const mend = { commands: [`virsh edit ${shellQuoted(domainName)}`], words: 'to make it PV or HVM' };
    return { name, result: 'failure', message: 'Xen gives no devices to PVH domains', mend };
  }
  if (domain.domid !== undefined) return runningCheck(name, domain);
  if (domain.stored?.passthrough === false) {
    const message = 'its stored definition is without PCI passthrough; the controller sets it before the next start';
    return { name, result: 'warning', message, mend: { commands: ['xenpci reconcile --once'] } };
  }
  return { name, result: 'ok', message: 'is shut off, and set for PCI passthrough' };
}

function runningCheck(name: string, { passthrough, name: domainName, toolstack }: ObservedDomain): Check {
  switch (passthrough) {
    case 'on':
      return { name, result: 'ok', message: 'runs with PCI passthrough' };
    case 'off': {
      const message = 'was started without PCI passthrough: nothing can be attached while it runs';
      const quoted = shellQuoted(domainName);
      const mend =
        toolstack === 'xl'
          ? { commands: [`xl shutdown ${quoted}`], words: 'then start it with xl create and passthrough="sync_pt"' }
          : { commands: [`virsh shutdown ${quoted}`, `virsh start ${quoted}`] };
      return { name, result: 'warning', message, mend };
    }
    case 'unknown':
      return { name, result: 'ok', message: 'runs; the first attach will show whether with PCI passthrough' };
  }
}
