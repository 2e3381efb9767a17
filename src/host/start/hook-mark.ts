import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import type { Dom0Layout } from '../../api/layout.ts';
import { once } from '../../api/once.ts';
import { isRunning, markOf, processMark } from '../process-mark.ts';
import { readSmallFile } from '../small-file.ts';
import { replaceMark } from './start-marks.ts';

/** Bytes of the mark with room to spare. */
const MARK_MAX = 4096;

const mark = once(() =>
  z.object({
    version: z.literal(1),
    libvirtd: processMark(),
    script: z.object({ path: z.string(), ctimeMs: z.number() }).exactOptional(),
  }),
);

function pathOf(layout: Dom0Layout): string {
  return join(layout.runtime, 'hook.json');
}

/**
 * Notes which libvirtd called the hook. libvirtd looks for hooks when it starts and never again, so what it called once
 * it goes on calling.
 * @param caller its process id.
 * @param script the file that it called, where that is known.
 * @throws {HostError} Unreachable when it cannot be written.
 */
export async function markHook(layout: Dom0Layout, caller: number, script: string | undefined): Promise<void> {
  const libvirtd = await markOf(caller);
  if (libvirtd === undefined) return;
  const ctimeMs = script === undefined ? undefined : await changedAt(script);
  const called = script === undefined || ctimeMs === undefined ? {} : { script: { path: script, ctimeMs } };
  await replaceMark(pathOf(layout), { version: 1, libvirtd, ...called });
}

/**
 * Whether libvirt calls the hook at each start: the libvirtd that called it runs and the file is there, or the file has
 * not been changed since it was called, so that a later libvirtd found it when it started.
 * @throws {HostError} Unreachable when the mark is there and cannot be read.
 */
export async function isHookInForce(layout: Dom0Layout): Promise<boolean> {
  const text = await readSmallFile(pathOf(layout), MARK_MAX);
  const parsed = text === undefined ? undefined : mark().safeParse(parseJson(text));
  if (parsed?.success !== true) return false;
  const { libvirtd, script } = parsed.data;
  if (script === undefined) return isRunning(libvirtd);
  const ctimeMs = await changedAt(script.path);
  return ctimeMs === script.ctimeMs || (ctimeMs !== undefined && (await isRunning(libvirtd)));
}

/** When a file was last changed in any way, as its permissions; undefined when it is not there or not to be seen. */
async function changedAt(path: string): Promise<number | undefined> {
  return stat(path).then(
    ({ ctimeMs }) => ctimeMs,
    () => undefined,
  );
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
