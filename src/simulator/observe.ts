import { type Address, addressParts } from '../api/address.ts';
import type { PciPath } from '../api/path.ts';
import type { HostdevEntry, Observed, ObservedDevice, ObservedDomain, Place } from '../plan/observed.ts';
import { type Holding, holdingsOf } from './holdings.ts';
import { type Device, PCIBACK } from './model/device.ts';
import type { Dom0 } from './model/dom0.ts';
import type { Definition, Domain, DomainType } from './model/domain.ts';
import { usesOf } from './model/host-use.ts';
import { notesPath } from './model/libxl-outcome.ts';
import type { Model } from './model/model.ts';

/** A look at the model without any I/O: what the host adapter would find through sockets and files. */
export function observe(model: Model): Observed {
  const domains = [...model.dom0.domains.values()];
  const holdings = holdingsOf(model.dom0);
  const believed = beliefs(domains);
  const devices = [...model.dom0.devices.values()]
    .filter(device => device.present || holdings.has(device.spec.address))
    .map(device => [device.spec.address, observeDevice(model.dom0, device, holdings, believed)] as const);
  return {
    devices: new Map(devices),
    domains: domains.map(observeDomain),
    bootId: model.dom0.bootId,
    iommu: { state: 'present' },
  };
}

function observeDevice(
  dom0: Dom0,
  device: Device,
  holdings: ReadonlyMap<Address, readonly Holding[]>,
  believed: ReadonlyMap<Address, string>,
): ObservedDevice {
  const { spec } = device;
  const all = holdings.get(spec.address) ?? [];
  const [holding] = all;
  const homeDriver = dom0.store
    .read(`${notesPath(spec.address)}/driver_path`)
    ?.split('/')
    .at(-1);
  const divergence = divergenceOf(holding, believed.get(spec.address));
  return {
    address: spec.address,
    present: device.present,
    path: pathOf(dom0, device),
    identity: spec.identity,
    text: { vendor: '', device: '', subsystem: '', class: '' },
    place: placeOf(device, holding),
    settled: all.every(({ settled }) => settled),
    ...(device.present ? { insertion: String(device.insertions) } : {}),
    resetMethods: spec.resetMethods ?? [],
    uses: holding === undefined ? usesOf(device) : [],
    ...(device.driver === undefined ? {} : { driver: device.driver }),
    ...(homeDriver === undefined ? {} : { homeDriver }),
    ...(holding === undefined ? {} : { permissive: holding.permissive }),
    ...(device.permissive ? { unfiltered: true } : {}),
    ...(divergence === undefined ? {} : { divergence }),
  };
}

function placeOf(device: Device, holding: Holding | undefined): Place {
  if (holding !== undefined) return { at: 'guest', domid: holding.domid, domain: holding.domain.name };
  return { at: device.driver === PCIBACK ? 'assignable' : 'host' };
}

/** libvirt's view: the domain whose live definition has a device. */
function beliefs(domains: readonly Domain[]): Map<Address, string> {
  const believed = new Map<Address, string>();
  for (const { name, toolstack, instance } of domains) {
    if (toolstack !== 'libvirt') continue;
    for (const { address } of instance?.live.hostdevs ?? []) believed.set(address, name);
  }
  return believed;
}

function divergenceOf(holding: Holding | undefined, believed: string | undefined): string | undefined {
  // libvirt cannot know what a domain of xl has.
  const shown = holding?.domain.toolstack === 'libvirt' ? holding.domain.name : undefined;
  if (shown === believed) return undefined;
  return `xenstore says ${holding?.domain.name ?? 'no guest'}, libvirt says ${believed ?? 'no guest'}`;
}

function observeDomain(domain: Domain): ObservedDomain {
  const { name, uuid, type, toolstack, stored, instance } = domain;
  return {
    name,
    uuid,
    type,
    toolstack,
    persistent: stored !== undefined,
    live: toolstack === 'libvirt' && instance !== undefined ? instance.live.hostdevs.map(entryOf) : [],
    ...(instance === undefined
      ? { state: 'shutoff', passthrough: 'unknown' }
      : {
          state: instance.crashed ? 'changing' : instance.believedPaused ? 'paused' : 'running',
          ...(instance.crashed ? { crashed: true } : {}),
          domid: instance.domid,
          passthrough: instance.passthrough ? 'on' : 'off',
        }),
    ...(stored === undefined ? {} : { stored: storedOf(stored, type) }),
  };
}

function storedOf(definition: Definition, type: DomainType): { hostdevs: HostdevEntry[]; passthrough: boolean } {
  const passthrough = definition.passthrough && (definition.e820Host || type !== 'pv');
  return { hostdevs: definition.hostdevs.map(entryOf), passthrough };
}

function entryOf({ address, alias, managed, permissive }: Definition['hostdevs'][number]): HostdevEntry {
  return { address, managed, permissive, ...(alias === undefined ? {} : { alias }) };
}

/** Where a device hangs, by bridges: see api/path.ts. */
function pathOf(dom0: Dom0, device: Device): PciPath {
  const known = paths.get(device.spec);
  if (known !== undefined) return known;
  const path = findPath(dom0, device);
  paths.set(device.spec, path);
  return path;
}

/** A card never moves; another one in its slot has a spec of its own. */
const paths = new WeakMap<Device['spec'], PciPath>();

function findPath(dom0: Dom0, device: Device): PciPath {
  const { bus, device: slot, function: fn, segment } = addressParts(device.spec.address);
  const parent = device.spec.parent === undefined ? undefined : dom0.devices.get(device.spec.parent);
  const offset = bus - (parent?.spec.secondaryBus ?? 0);
  const part = `${hex(offset)}_${hex(slot)}.${fn}`;
  if (parent !== undefined) return `${pathOf(dom0, parent)}/${part}` as PciPath;
  return (segment === 0 ? part : `${segment.toString(16).padStart(4, '0')}_${part}`) as PciPath;
}

function hex(value: number): string {
  return value.toString(16).padStart(2, '0');
}
