/** Builders for worlds and manifests, with defaults, for tests of the pure core. */
import { type Address, parseAddress } from '../src/api/address.ts';
import type {
  DeviceEntry,
  PCIAssignment,
  PCIHostPolicy,
  SourcedAssignment,
  SourceSnapshot,
} from '../src/api/manifest.ts';
import { API_VERSION } from '../src/api/manifest.ts';
import type { PciPath } from '../src/api/path.ts';
import { ALIAS_PREFIX } from '../src/plan/domains.ts';
import { hostAfter } from '../src/plan/effects.ts';
import type { HeldDevice } from '../src/plan/inventory.ts';
import type { HostdevEntry, Observed, ObservedDevice, ObservedDomain, Place } from '../src/plan/observed.ts';
import type { Step } from '../src/plan/step.ts';

export function address(text: string): Address {
  const parsed = parseAddress(text);
  if (parsed === undefined) throw new Error(`not an address: ${text}`);
  return parsed;
}

export function device(text: string, place: Place, more: Partial<ObservedDevice> = {}): ObservedDevice {
  const at = address(text);
  return {
    address: at,
    present: true,
    path: `00_${text.slice(5, 7)}.0/00_00.0` as PciPath,
    identity: { vendor: '8086', device: '10d3', class: '0200' },
    text: { vendor: 'Intel Corporation', device: '82574L', subsystem: '', class: 'Ethernet controller' },
    ...(place.at === 'host' ? { driver: 'e1000e' } : { driver: 'pciback' }),
    place,
    settled: true,
    resetMethods: ['flr', 'bus'],
    uses: [],
    ...more,
  };
}

export function domain(name: string, more: Partial<ObservedDomain> = {}): ObservedDomain {
  return {
    name,
    uuid: `uuid-${name}`,
    state: more.domid === undefined ? 'shutoff' : 'running',
    toolstack: 'libvirt',
    persistent: true,
    type: 'pv',
    passthrough: 'on',
    live: [],
    stored: { hostdevs: [], passthrough: true },
    ...more,
  };
}

export function entry(name: string, text: string, more: Partial<DeviceEntry> = {}): DeviceEntry {
  return {
    name,
    ...(more.path === undefined && more.selector === undefined ? { address: address(text) } : {}),
    permissive: false,
    reset: 'Strict',
    whenMissing: 'Fail',
    sharing: 'Exclusive',
    ...more,
  };
}

export function assignment(
  name: string,
  domainName: string,
  devices: readonly DeviceEntry[],
  spec: Partial<PCIAssignment['spec']> = {},
): SourcedAssignment {
  const origin = { file: `/manifests/${name}.yaml`, line: 1, column: 1 };
  return {
    assignment: {
      apiVersion: API_VERSION,
      kind: 'PCIAssignment',
      metadata: { name },
      spec: {
        domain: { name: domainName },
        devices,
        updatePolicy: 'Live',
        whenStopped: 'Assignable',
        deletionPolicy: 'Assignable',
        driftPolicy: 'Correct',
        suspend: false,
        ...spec,
      },
    },
    origin,
    entryOrigins: devices.map((_, index) => ({ ...origin, line: index + 10 })),
    hash: JSON.stringify([name, domainName, devices, spec]),
  };
}

/** The record of a device that the entry `lan` of red has. */
export function held(text: string, more: Partial<HeldDevice> = {}): HeldDevice {
  return {
    address: address(text),
    assignment: 'red',
    entry: 'lan',
    domain: { name: 'red', uuid: 'uuid-red' },
    deletionPolicy: 'Assignable',
    updatePolicy: 'Live',
    ...more,
  };
}

export function policy(spec: Partial<PCIHostPolicy['spec']> = {}): PCIHostPolicy {
  return {
    apiVersion: API_VERSION,
    kind: 'PCIHostPolicy',
    metadata: { name: 'host' },
    spec: { protectedDevices: [], allow: [], maxDetachesPerPass: 2, forceDetach: false, ...spec },
  };
}

export function source(assignments: readonly SourcedAssignment[], more: Partial<SourceSnapshot> = {}): SourceSnapshot {
  return { assignments, problems: [], complete: true, ...more };
}

export function observed(devices: readonly ObservedDevice[], domains: readonly ObservedDomain[]): Observed {
  return {
    devices: new Map(devices.map(item => [item.address, item])),
    domains,
    bootId: 'boot-1',
    iommu: { state: 'present' },
  };
}

export function ours(text: Address, permissive = false): HostdevEntry {
  return { address: text, alias: `${ALIAS_PREFIX}${text.replace(/[:.]/g, '-')}`, managed: false, permissive };
}

/** What a step does to the whole world; throws when it is illegal. The kernel of these worlds chooses e1000e. */
export function applied(world: Observed, step: Step): Observed {
  const after = hostAfter(world, step);
  if (after === undefined) throw new Error(`illegal: ${JSON.stringify(step)}`);
  const released = step.verb === 'release' ? after.devices.get(step.device) : undefined;
  if (released === undefined || released.driver !== undefined) return after;
  return { ...after, devices: new Map(after.devices).set(released.address, { ...released, driver: 'e1000e' }) };
}
