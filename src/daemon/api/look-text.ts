import type { Look } from '../../controller/look.ts';
import { printableJson } from '../printable-json.ts';
import type { LookRecord } from './look-record.ts';

/** Raised with each change of the form that leaves the program's version as it is. */
const FORMAT = 'xenpci-look/1';

/** Who answers: the folder it works by, absolute; its process id; the program's version. */
export interface LookWriter {
  readonly manifests: string;
  readonly controller: number;
  readonly version: string;
}

/**
 * Writes a look as text, for a program of exactly this version. The plan is left out: it follows from the rest, and would
 * repeat a whole assignment at each of its claims.
 */
export function encodeLook(look: Look, { manifests, controller, version }: LookWriter): string {
  const { observed, source, inventory, approvals, failures, status, now } = look;
  const record: LookRecord = {
    manifests,
    controller,
    observed: { ...observed, devices: [...observed.devices.values()] },
    source,
    inventory: [...inventory.values()],
    approvals,
    failures: [...failures],
    status,
    now,
  };
  return printableJson(JSON.stringify({ format: formatOf(version), ...record }));
}

/** Writes looks as `encodeLook` does, when somebody asks, and each only once. */
export function lookTexts(writer: LookWriter): (look: Look) => string {
  let last: { readonly look: Look; readonly text: string } | undefined;
  return look => {
    if (last?.look !== look) last = { look, text: encodeLook(look, writer) };
    return last.text;
  };
}

/** What a text begins with that a program of this version wrote. */
export function formatOf(version: string): string {
  return `${FORMAT} ${version}`;
}
