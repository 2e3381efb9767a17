import { join } from 'node:path';
import { z } from 'zod';
import type { Dom0Layout } from '../api/layout.ts';
import { isRunning, markOf, processMark } from './process-mark.ts';
import { readSmallFile } from './small-file.ts';
import { replaceMark } from './start-marks.ts';

/** Bytes of the mark with room to spare. */
const MARK_MAX = 4096;

const mark = z.object({ version: z.literal(1), libvirtd: processMark });

function pathOf(layout: Dom0Layout): string {
  return join(layout.runtime, 'hook.json');
}

/**
 * Notes which libvirtd called the hook. libvirtd looks for hooks when it starts and never again, so what it called once
 * it goes on calling.
 * @param caller its process id.
 * @throws {HostError} Unreachable when it cannot be written.
 */
export async function markHook(layout: Dom0Layout, caller: number): Promise<void> {
  const libvirtd = await markOf(caller);
  if (libvirtd !== undefined) await replaceMark(pathOf(layout), { version: 1, libvirtd });
}

/**
 * Whether a libvirtd that runs now has called the hook: proof that it does so at each start.
 * @throws {HostError} Unreachable when the mark is there and cannot be read.
 */
export async function isHookInForce(layout: Dom0Layout): Promise<boolean> {
  const text = await readSmallFile(pathOf(layout), MARK_MAX);
  const parsed = text === undefined ? undefined : mark.safeParse(parseJson(text));
  return parsed?.success === true && (await isRunning(parsed.data.libvirtd));
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
