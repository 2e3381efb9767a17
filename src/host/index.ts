import { setMaxListeners } from 'node:events';
import type { Dom0Layout } from '../api/layout.ts';
import type { Host, StartHost } from '../controller/ports.ts';
import { DEFAULT_DEADLINES, type HostDeadlines, openDom0 } from './dom0.ts';
import { Hints } from './hints.ts';
import { observe } from './look/observe.ts';
import { reserveDevices } from './start/reserve.ts';
import { makeReady, observeForStart, watchingHolders } from './start/starting.ts';
import { perform } from './steps/perform.ts';
import { loadPciIds, type PciIds } from './sysfs/pci-ids.ts';

export { detectXen } from './detect-xen.ts';
export type { HostDeadlines } from './dom0.ts';
export { type Answer, ask, marked } from './examine/ask.ts';
export { type Examination, examine } from './examine/examine.ts';
export { type HideSetting, moduleOf, readHideSettings } from './examine/hide-settings.ts';
export type { HookFile } from './examine/hook-files.ts';
export { type Ownership, ownershipOf } from './examine/ownership.ts';
export { HIDE_LENGTH_MAX, hideText, parseHide } from './examine/pciback-hide.ts';
export { XmlError } from './libvirt/xml.ts';
export { PCIBACK } from './sysfs/sysfs.ts';
export { thisHost } from './this-host.ts';

/**
 * The dom0 under a layout. Nothing is opened before it is first used.
 * @param deadlines those that differ from the default, in ms.
 */
export function createHost(layout: Dom0Layout, deadlines: Partial<HostDeadlines> = {}): Host {
  const dom0 = openDom0(layout, { ...DEFAULT_DEADLINES, ...deadlines });
  const hints = new Hints(dom0);
  let ids: Promise<PciIds> | undefined;
  return {
    async observe(signal) {
      ids ??= loadPciIds(layout.pciIds);
      return observe(dom0, await ids, forManyCalls(signal));
    },
    perform: (step, signal, remark) => perform(dom0, step, forManyCalls(signal), remark),
    onHint: hint => hints.add(hint),
    async close() {
      hints.close();
      dom0.libvirt.close();
      await dom0.xenstore.close();
    },
  };
}

/** The dom0 under a layout, for libvirt's hook: libvirt is never called. Nothing is opened before it is first used. */
export function createStartHost(layout: Dom0Layout): StartHost {
  const dom0 = openDom0(layout, DEFAULT_DEADLINES);
  return {
    observe: signal => observeForStart(dom0, forManyCalls(signal)),
    watching: (signal, body) => watchingHolders(dom0, forManyCalls(signal), body),
    reserving: (domain, signal, body) => reserveDevices(layout, domain, forManyCalls(signal), body),
    makeReady: (device, signal) => makeReady(dom0, device, forManyCalls(signal)),
    async close() {
      dom0.libvirt.close();
      await dom0.xenstore.close();
    },
  };
}

/** The same signal without Node's warning: a look has hundreds of requests under way, and each of them listens to it. */
function forManyCalls(signal: AbortSignal): AbortSignal {
  const derived = AbortSignal.any([signal]);
  setMaxListeners(0, derived);
  return derived;
}
