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
import type { HostdevEntry, Observed, ObservedDevice, ObservedDomain, Place } from '../src/plan/observed.ts';
import { type DeviceStep, effect, type Step } from '../src/plan/step.ts';

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

/** What a step does to the whole world; throws when it is illegal. */
export function applied(world: Observed, step: Step): Observed {
  if (step.verb === 'configure') return { ...world, domains: world.domains.map(item => configured(item, step)) };
  const before = world.devices.get(step.device);
  const place = before === undefined ? undefined : effect(step, before.place);
  if (before === undefined || place === undefined) throw new Error(`illegal: ${JSON.stringify(step)}`);
  const { driver: _, permissive: __, unfiltered: ___, ...rest } = before;
  const driver = place.at === 'host' ? 'e1000e' : 'pciback';
  const after = { ...rest, place, driver, uses: [], ...optionsAfter(step, before) };
  return {
    ...world,
    devices: new Map(world.devices).set(step.device, after),
    domains: world.domains.map(item => believing(item, step)),
  };
}

/** pciback forgets `permissive` only when it loses the device, which attaching without it sees to. */
function optionsAfter(step: DeviceStep, before: ObservedDevice): Partial<ObservedDevice> {
  if (step.verb === 'attach') return step.permissive ? { permissive: true, unfiltered: true } : { permissive: false };
  return step.verb === 'detach' && before.unfiltered === true ? { unfiltered: true } : {};
}

function configured(item: ObservedDomain, step: Step & { verb: 'configure' }): ObservedDomain {
  if (item.uuid !== step.domain.uuid || item.stored === undefined) return item;
  const kept = item.stored.hostdevs.filter(held => !step.remove.includes(held.address));
  const hostdevs = [...kept, ...step.add.map(added => ours(added.device, added.permissive))];
  return { ...item, stored: { hostdevs, passthrough: item.stored.passthrough || step.passthrough } };
}

function believing(item: ObservedDomain, step: DeviceStep): ObservedDomain {
  if (!('guest' in step) || step.via !== 'libvirt' || item.uuid !== step.guest.uuid) return item;
  const others = item.live.filter(held => held.address !== step.device);
  return { ...item, live: step.verb === 'attach' ? [...others, ours(step.device)] : others };
}
