import type { Look } from '../../controller/look.ts';
import { messageOf } from '../../controller/message-of.ts';
import { plan } from '../../plan/plan.ts';
import { standingOf } from '../../plan/standing.ts';
import type { LookRecord } from './look-record.ts';
import { checkedLook } from './look-schema.ts';
import { formatOf } from './look-text.ts';
import { LookTextError } from './look-text-error.ts';

/** A look of a running controller, as another process was told of it. */
export interface ServedLook {
  readonly look: Look;
  readonly manifests: string;
  readonly controller: number;
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
