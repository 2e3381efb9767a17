import type { Look } from '../../controller/look.ts';
import { plan } from '../../plan/plan.ts';
import { standingOf } from '../../plan/standing.ts';
import { messageOf } from '../message-of.ts';
import { printableJson } from '../printable-json.ts';
import { checkedLook, type LookRecord } from './look-schema.ts';
import { LookTextError } from './look-text-error.ts';

/** Raised with each change of the form that leaves the program's version as it is. */
const FORMAT = 'xenpci-look/1';

/** Who answers: the folder it works by, absolute; its process id; the program's version. */
export interface LookWriter {
  readonly manifests: string;
  readonly controller: number;
  readonly version: string;
}

/** A look of a running controller, as another process was told of it. */
export interface ServedLook {
  readonly look: Look;
  readonly manifests: string;
  readonly controller: number;
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

/**
 * Reads what `encodeLook` wrote, and decides anew from it what the writer decided.
 * @throws {LookTextError} for what is no look, or another version's.
 */
export function decodeLook(text: string, version: string): ServedLook {
  const value = parseJson(text);
  if (formatIn(value) !== formatOf(version)) throw new LookTextError('is of another version of xenpci');
  try {
    const record = checkedLook(value);
    return { look: lookOf(record), manifests: record.manifests, controller: record.controller };
  } catch (cause) {
    throw new LookTextError(`answers what is no look: ${messageOf(cause)}`, { cause });
  }
}

function lookOf({ observed, source, inventory, approvals, failures, status, now }: LookRecord): Look {
  const basis = {
    observed: { ...observed, devices: new Map(observed.devices.map(device => [device.address, device])) },
    source,
    inventory: new Map(inventory.map(held => [held.address, held])),
    approvals,
    failures: new Map(failures),
  };
  return { ...basis, plan: planOf(basis), status, now };
}

function planOf({
  observed,
  source,
  inventory,
  approvals,
  failures,
}: Omit<Look, 'plan' | 'status' | 'now'>): Look['plan'] {
  return plan(observed, source, inventory, standingOf(approvals, failures));
}

function formatOf(version: string): string {
  return `${FORMAT} ${version}`;
}

function formatIn(value: unknown): unknown {
  return typeof value === 'object' && value !== null && 'format' in value ? value.format : undefined;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new LookTextError('answers what is cut off or no JSON', { cause });
  }
}
