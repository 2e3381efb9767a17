import { grouped } from '../lookup.ts';
import type { Members } from './members.ts';
import { assignmentTies, type Couplings, deviceTies, domainTies, recordTies } from './ties.ts';

/** Objects that have nothing to do with any others: what is decided about them rests on them alone. */
export interface Part extends Members {
  /** Those of all its members, each once. */
  readonly ties: readonly string[];
}

/** All ties of some objects. */
export function tiesOf({ devices, domains, assignments, records }: Members, couplings: Couplings): string[] {
  return [
    ...devices.flatMap(device => deviceTies(device, couplings)),
    ...domains.flatMap(domainTies),
    ...assignments.flatMap(assignmentTies),
    ...records.flatMap(recordTies),
  ];
}

/** Splits objects into as many parts as there are. They keep their order. */
export function partsOf({ devices, domains, assignments, records }: Members, couplings: Couplings): Part[] {
  const groups = new Groups();
  const tied = <Member>(members: readonly Member[], ties: (member: Member) => string[]): Tied<Member>[] =>
    members.map(member => ({ member, tie: groups.join(ties(member)) }));
  const all = {
    devices: tied(devices, device => deviceTies(device, couplings)),
    domains: tied(domains, domainTies),
    assignments: tied(assignments, assignmentTies),
    records: tied(records, recordTies),
  };
  const ofGroup = <Member>(members: readonly Tied<Member>[]): ((group: string) => Member[]) => {
    const byGroup = grouped(members, ({ tie }) => groups.of(tie));
    return group => (byGroup.get(group) ?? []).map(({ member }) => member);
  };
  const own = {
    devices: ofGroup(all.devices),
    domains: ofGroup(all.domains),
    assignments: ofGroup(all.assignments),
    records: ofGroup(all.records),
  };
  return [...groups.all()].map(([group, ties]) => ({
    ties,
    devices: own.devices(group),
    domains: own.domains(group),
    assignments: own.assignments(group),
    records: own.records(group),
  }));
}

interface Tied<Member> {
  readonly member: Member;
  /** One of its ties: all of them are in one group. */
  readonly tie: string;
}

/** Ties in groups: those of one object are in one group (union-find, with paths halved). */
class Groups {
  readonly #above = new Map<string, string>();

  /** Puts the groups of all these together. @returns one of them. */
  join([first = '', ...more]: readonly string[]): string {
    const group = this.of(first);
    for (const tie of more) {
      const other = this.of(tie);
      if (other !== group) this.#above.set(other, group);
    }
    return first;
  }

  /** The tie that stands for the group of one. */
  of(tie: string): string {
    let at = tie;
    for (;;) {
      const above = this.#above.get(at);
      if (above === undefined) this.#above.set(at, at);
      if (above === undefined || above === at) return at;
      const next = this.#above.get(above) ?? above;
      if (next !== above) this.#above.set(at, next);
      at = next;
    }
  }

  /** All groups with their ties. */
  all(): ReadonlyMap<string, readonly string[]> {
    return grouped(this.#above.keys(), tie => this.of(tie));
  }
}
