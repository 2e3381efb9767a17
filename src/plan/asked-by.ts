import type { Address } from '../api/address.ts';
import type { SourcedAssignment } from '../api/manifest.ts';
import type { Claim } from './claims.ts';
import type { Inventory } from './inventory.ts';
import type { Plan } from './plan.ts';
import type { ConfigureStep, Step } from './step.ts';

/** Who asked for a step: content of the manifests by its place and hash, or, without these, an entry that is gone. */
export interface Asker {
  readonly assignment: string;
  readonly entry?: string;
  readonly file?: string;
  readonly line?: number;
  /** Hash of the assignment's content. */
  readonly hash?: string;
}

/**
 * Who asked for a step of this plan, each once. What no entry names any more was asked for by the one that had it.
 * @param inventory what was held when it was planned.
 */
export function askedBy(step: Step, plan: Plan, inventory: Inventory): readonly Asker[] {
  const askers =
    step.verb === 'configure' ? askersOfDomain(step, plan, inventory) : ofDevice(step.device, plan, inventory);
  return [...new Map(askers.map(asker => [JSON.stringify(asker), asker])).values()];
}

function ofDevice(address: Address, { devices }: Plan, inventory: Inventory): Asker[] {
  const claim = devices.get(address)?.followed;
  if (claim !== undefined) return [ofClaim(claim)];
  const held = inventory.get(address);
  return held === undefined ? [] : [{ assignment: held.assignment, entry: held.entry }];
}

function askersOfDomain(step: ConfigureStep, plan: Plan, inventory: Inventory): Asker[] {
  const isForIt = ({ assignment }: SourcedAssignment): boolean => {
    const { domain } = assignment.spec;
    return 'uuid' in domain ? domain.uuid === step.domain.uuid : domain.name === step.domain.name;
  };
  const added = step.add.flatMap(({ device }) =>
    (plan.devices.get(device)?.claims ?? []).filter(({ assignment }) => isForIt(assignment)).map(ofClaim),
  );
  const removed = step.remove.flatMap(device => ofDevice(device, plan, inventory));
  if (added.length + removed.length > 0) return [...added, ...removed];
  return plan.entries
    .map(({ assignment }) => assignment)
    .filter(isForIt)
    .map(ofAssignment);
}

function ofClaim({ assignment, entry, origin }: Claim): Asker {
  return { ...ofAssignment(assignment), entry: entry.name, file: origin.file, line: origin.line };
}

function ofAssignment({ assignment, origin, hash }: SourcedAssignment): Asker {
  return { assignment: assignment.metadata.name, file: origin.file, line: origin.line, hash };
}

/** An asker for people: `sys-net/lan (/m/sys-net.yaml:9, content 0123abcd)`, or that its entry is gone. */
export function askerText({ assignment, entry, file, line, hash }: Asker): string {
  const name = entry === undefined ? assignment : `${assignment}/${entry}`;
  return file === undefined ? `${name}, whose entry is gone` : `${name} (${file}:${line}, content ${hash})`;
}
