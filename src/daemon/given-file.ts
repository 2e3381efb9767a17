import { join } from 'node:path';
import * as z from 'zod';
import { parseAddress } from '../api/address.ts';
import type { Dom0Layout } from '../api/layout.ts';
import { once } from '../api/once.ts';
import { messageOf } from '../controller/message-of.ts';
import type { GivenStore } from '../controller/ports.ts';
import { replaceFile } from '../host/replace-file.ts';
import type { Given, GivenCard } from '../plan/given.ts';
import { readBounded } from './bounded-read.ts';

/** Bytes: a card takes some 110, and a host has 65,536 functions for each segment at most. */
const BYTES_MAX = 32 * 1024 * 1024;

const content = once(() => {
  const card = z.strictObject({
    address: z.string(),
    domid: z.int().nonnegative(),
    bootId: z.string(),
    insertion: z.string().exactOptional(),
  });
  return z.strictObject({ version: z.literal(1), given: z.array(card) });
});

/** Writes which cards guests were given as text. */
export function encodeGiven(given: Given): string {
  return `${JSON.stringify({ version: 1, given: [...given.values()] })}\n`;
}

/** Reads what `encodeGiven` wrote. What makes no sense says nothing. */
export function decodeGiven(text: string): Given {
  const parsed = content().safeParse(parseJson(text));
  const cards = parsed.success ? parsed.data.given : [];
  return new Map(
    cards.flatMap((each): [GivenCard['address'], GivenCard][] => {
      const address = parseAddress(each.address);
      return address === undefined ? [] : [[address, { ...each, address }]];
    }),
  );
}

/**
 * Which card each running guest was given, as a file of the folder for what ends with the boot. It outlives the controller,
 * so that it knows of a card that was pulled and put back while it was away.
 */
export class GivenFile implements GivenStore {
  readonly path: string;

  constructor(layout: Dom0Layout) {
    this.path = join(layout.runtime, 'given.json');
  }

  async load(): Promise<Given> {
    try {
      const text = await readBounded(this.path, BYTES_MAX);
      return text === undefined ? new Map() : decodeGiven(text);
    } catch (cause) {
      throw new Error(`which cards guests were given cannot be read: ${this.path} ${messageOf(cause)}`, { cause });
    }
  }

  async save(given: Given): Promise<void> {
    try {
      await replaceFile(this.path, encodeGiven(given), { mode: 0o600, durable: false });
    } catch (cause) {
      throw new Error(`which cards guests were given cannot be written: ${messageOf(cause)}`, { cause });
    }
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
