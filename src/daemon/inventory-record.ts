import { createHash } from 'node:crypto';
import * as z from 'zod';
import { type Address, compareAddresses, parseAddress } from '../api/address.ts';
import { once } from '../api/once.ts';
import type { HeldDevice, Inventory } from '../plan/inventory.ts';

/** 2 added `inPlace`; a record of version 1 is read as one of version 2 without it. */
const VERSION = 2;

const heldDevices = once((): z.ZodType<HeldDevice[]> => {
  const address = z.string().transform((text, context): Address => {
    const parsed = parseAddress(text);
    if (parsed !== undefined) return parsed;
    context.issues.push({ code: 'custom', message: 'is not a PCI address', input: text });
    return z.NEVER;
  });
  const place = z.discriminatedUnion('at', [
    z.strictObject({ at: z.enum(['host', 'assignable']) }),
    z.strictObject({ at: z.literal('guest'), domid: z.int().nonnegative() }),
  ]);
  return z.array(
    z.strictObject({
      address,
      assignment: z.string(),
      entry: z.string(),
      domain: z.strictObject({ name: z.string(), uuid: z.string().exactOptional() }),
      deletionPolicy: z.enum(['Assignable', 'Host', 'Orphan']),
      updatePolicy: z.enum(['Live', 'OnNextStart']),
      hostDriver: z.strictObject({ name: z.string(), bootId: z.string() }).exactOptional(),
      inPlace: z.strictObject({ place, generation: z.string(), bootId: z.string() }).exactOptional(),
    }),
  );
});

const envelope = once(() =>
  z.strictObject({
    version: z.literal([1, VERSION]),
    checksum: z.string(),
    devices: z.array(z.unknown()),
  }),
);
const anyVersion = once(() => z.looseObject({ version: z.number() }));

/** Writes an inventory as text: versioned, and with a checksum over the devices, which are in order of address. */
export function encodeInventory(inventory: Inventory): string {
  const devices = [...inventory.values()].sort((a, b) => compareAddresses(a.address, b.address));
  return `${JSON.stringify({ version: VERSION, checksum: checksum(devices), devices }, null, 2)}\n`;
}

/**
 * Reads what `encodeInventory` wrote.
 * @throws {Error} whose message completes "the record ...": truncated, changed, of another version, or no record at all.
 */
export function decodeInventory(text: string): Inventory {
  const value = parseJson(text);
  const versioned = anyVersion().safeParse(value);
  if (versioned.success && versioned.data.version > VERSION) {
    throw new Error(
      `was written by a newer xenpci (version ${versioned.data.version} of the format, known is ${VERSION})`,
    );
  }
  const outer = envelope().safeParse(value);
  if (!outer.success) throw new Error('is not a record of xenpci');
  if (checksum(outer.data.devices) !== outer.data.checksum) throw new Error('does not match its checksum');
  const devices = heldDevices().safeParse(outer.data.devices);
  if (!devices.success) throw new Error(`has a wrong entry: ${z.prettifyError(devices.error)}`);
  return new Map(devices.data.map(device => [device.address, device]));
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new Error('is cut off or is not JSON', { cause });
  }
}

function checksum(devices: readonly unknown[]): string {
  return `sha256:${createHash('sha256').update(JSON.stringify(devices)).digest('hex')}`;
}
