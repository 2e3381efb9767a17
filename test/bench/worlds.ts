import { type Address, addressParts } from '../../src/api/address.ts';
import type { SourcedAssignment, SourceSnapshot } from '../../src/api/manifest.ts';
import type { PciPath } from '../../src/api/path.ts';
import type { HeldDevice, Inventory } from '../../src/plan/inventory.ts';
import type { Observed, ObservedDevice, ObservedDomain } from '../../src/plan/observed.ts';
import { address, assignment, device, domain, entry, held, observed, ours, source } from '../world.ts';

/** A host and what is wanted of it. */
export interface BenchWorld {
  readonly observed: Observed;
  readonly source: SourceSnapshot;
  readonly inventory: Inventory;
}

/** In words, for notes: what `worldOf` makes. */
export const WORLD_TEXT: string =
  'two devices for each assignment, an assignment for each domain; of eight domains six have what they should, one is off, ' +
  'and one is still to get its devices';

const FUNCTIONS = 2;
const SLOTS = 32;
/** Functions of a slot of the root bus, each of which is a port. */
const PORTS = 8;

/** Of so many domains six have their devices, one is off, and one is still to get its devices. */
const KINDS = 8;
const OFF = 6;
const WAITING = 7;

/** One domain with its assignment and its two devices. */
interface Part {
  readonly assignment: SourcedAssignment;
  readonly domain: ObservedDomain;
  readonly devices: readonly ObservedDevice[];
  readonly records: readonly HeldDevice[];
}

/**
 * A host at work: two devices of one slot for each domain, each domain with its assignment.
 * @param size how many devices, an even number of at most 16,384.
 */
export function worldOf(size: number): BenchWorld {
  const parts = Array.from({ length: size / 2 }, (_, index) => (index % KINDS < OFF ? havingPart : idlePart)(index));
  return {
    observed: observed(
      parts.flatMap(({ devices }) => devices),
      parts.map(part => part.domain),
    ),
    source: source(parts.map(part => part.assignment)),
    inventory: new Map(parts.flatMap(({ records }) => records).map(record => [record.address, record])),
  };
}

function havingPart(index: number): Part {
  const { name, pair, wish } = partOf(index);
  const place = { at: 'guest', domid: index + 1, domain: name } as const;
  const hostdevs = pair.map(text => ours(address(text)));
  return {
    assignment: wish,
    domain: domain(name, { domid: index + 1, live: hostdevs, stored: { hostdevs, passthrough: true } }),
    devices: pair.map(text => device(text, place, { path: pathOf(text), permissive: false })),
    records: pair.map(text => held(text, { assignment: name, entry: text, domain: { name, uuid: `uuid-${name}` } })),
  };
}

function idlePart(index: number): Part {
  const { name, pair, wish } = partOf(index);
  return {
    assignment: wish,
    domain: domain(name, index % KINDS === WAITING ? { domid: index + 1 } : {}),
    devices: pair.map(text => device(text, { at: 'host' }, { path: pathOf(text) })),
    records: [],
  };
}

function partOf(index: number): { readonly name: string; readonly pair: string[]; readonly wish: SourcedAssignment } {
  const name = `guest-${index}`;
  const pair = [addressAt(index * 2), addressAt(index * 2 + 1)];
  const entries = pair.map(text => entry(text, text));
  return { name, pair, wish: assignment(name, name, entries) };
}

/** The same host after one manifest was edited: everything that has not changed is the same object, as sources read it. */
export function edited({ source: before, ...world }: BenchWorld, index: number): BenchWorld {
  const assignments = before.assignments.with(index, changed(before.assignments[index]));
  return { ...world, source: { ...before, assignments } };
}

function changed(sourced: SourcedAssignment | undefined): SourcedAssignment {
  if (sourced === undefined) throw new RangeError('there is no such assignment');
  const { metadata, spec } = sourced.assignment;
  return assignment(metadata.name, metadata.name, spec.devices, {
    whenStopped: spec.whenStopped === 'Host' ? 'Assignable' : 'Host',
  });
}

/** The same host at its next look: a domain was paused, or resumed, and all else is the same objects. */
export function lookedAt({ observed: before, ...world }: BenchWorld, index: number): BenchWorld {
  const found = before.domains[index];
  if (found === undefined) throw new RangeError('there is no such domain');
  const other = { ...found, state: found.state === 'paused' ? ('running' as const) : ('paused' as const) };
  const domains = before.domains.with(index, other);
  return { ...world, observed: { ...before, domains, devices: new Map(before.devices) } };
}

/** One address after the other, two functions in each slot. */
export function addressAt(index: number): Address {
  const slot = Math.floor(index / FUNCTIONS);
  const hex = (value: number): string => value.toString(16).padStart(2, '0');
  return address(`0000:${hex(Math.floor(slot / SLOTS))}:${hex(slot % SLOTS)}.${index % FUNCTIONS}`);
}

/** Where a device hangs: each bus behind a port of its own. */
function pathOf(text: string): PciPath {
  const { bus, device: slot, function: fn } = addressParts(address(text));
  const hex = (value: number): string => value.toString(16).padStart(2, '0');
  return `00_${hex(Math.floor(bus / PORTS))}.${bus % PORTS}/00_${hex(slot)}.${fn}` as PciPath;
}
