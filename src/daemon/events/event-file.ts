import { mkdir, open, rename, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Dom0Layout } from '../../api/layout.ts';
import { readBounded } from '../bounded-read.ts';
import type { Event } from './event.ts';
import { decodeEvent, encodeEvent } from './event-line.ts';

/** When a file has this many bytes the next event begins a new one; of the old ones one is kept. */
const FILE_BYTES_MAX = 1024 * 1024;
/** A line may go over that, and nothing of ours is longer. */
const READ_BYTES_MAX = 2 * FILE_BYTES_MAX;

/** What was kept of earlier events. */
export interface KeptEvents {
  readonly events: readonly Event[];
  /** Lines that are no events, and files that cannot be read: what they held is lost. */
  readonly damage: readonly string[];
}

function paths(layout: Dom0Layout): { readonly current: string; readonly previous: string } {
  return { current: join(layout.state, 'events.jsonl'), previous: join(layout.state, 'events.1.jsonl') };
}

/** Reads what was kept, in the order in which it happened. Never throws. */
export async function readEvents(layout: Dom0Layout): Promise<KeptEvents> {
  const { current, previous } = paths(layout);
  const parts = [await readOne(previous), await readOne(current)];
  return { events: parts.flatMap(part => part.events), damage: parts.flatMap(part => part.damage) };
}

async function readOne(path: string): Promise<KeptEvents> {
  try {
    const lines = ((await readBounded(path, READ_BYTES_MAX)) ?? '').split('\n').filter(line => line !== '');
    const events = lines.flatMap(line => decodeEvent(line) ?? []);
    const bad = lines.length - events.length;
    return {
      events,
      damage: bad === 0 ? [] : [`${path}: ${bad} of ${lines.length} lines are no events and are left out`],
    };
  } catch (cause) {
    return {
      events: [],
      damage: [`${path} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`],
    };
  }
}

/** Adds events to the file, which never grows beyond its bound. One writer: whoever has the host's lock. */
export class EventFile {
  readonly #layout: Dom0Layout;

  constructor(layout: Dom0Layout) {
    this.#layout = layout;
  }

  /** @throws the file system's error. */
  async append(events: readonly Event[]): Promise<void> {
    const { current, previous } = paths(this.#layout);
    await mkdir(dirname(current), { recursive: true, mode: 0o700 });
    if ((await sizeOf(current)) >= FILE_BYTES_MAX) await rename(current, previous);
    const file = await open(current, 'a+', 0o600);
    try {
      // After a crash the last line may have been cut off: the next one must not be lost with it.
      const torn = await endsTorn(file);
      await file.appendFile(`${torn ? '\n' : ''}${events.map(encodeEvent).join('')}`);
    } finally {
      await file.close();
    }
  }
}

/** What cannot be looked at shows when it is opened. */
async function sizeOf(path: string): Promise<number> {
  return (await stat(path).catch(() => undefined))?.size ?? 0;
}

async function endsTorn(file: Awaited<ReturnType<typeof open>>): Promise<boolean> {
  const { size } = await file.stat();
  if (size === 0) return false;
  const { buffer } = await file.read(Buffer.alloc(1), 0, 1, size - 1);
  return buffer[0] !== 0x0a;
}
