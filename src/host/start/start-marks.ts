import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { type Address, parseAddress } from '../../api/address.ts';
import type { Dom0Layout } from '../../api/layout.ts';
import { once } from '../../api/once.ts';
import { messageOf } from '../../controller/message-of.ts';
import { HostError } from '../../controller/ports.ts';
import { isRunning, type ProcessMark, processMark } from '../process-mark.ts';
import { replaceFile } from '../replace-file.ts';
import { namesIn, readSmallFile } from '../small-file.ts';

/**
 * A start that libvirt's hook prepares or has prepared. While a domain starts libvirt answers nobody, and until Xen has
 * the domain nothing else shows that its devices are about to be taken.
 */
export interface StartMark {
  readonly name: string;
  readonly uuid: string;
  readonly devices: readonly Address[];
  /** The hook; as long as it runs the start is being prepared. */
  readonly hook: ProcessMark;
  /** Until when the domain counts as starting after the hook has let it start, ms since the epoch. */
  readonly until?: number;
}

/** Bytes of a mark: a device takes some 20. */
const MARK_MAX = 65_536;
/** How long after the hook a domain may take until Xen shows it, ms: libxl first gives it all its memory. */
const CREATION_MS = 60_000;

const mark = once(() =>
  z.object({
    version: z.literal(1),
    name: z.string(),
    uuid: z.string(),
    devices: z.array(z.string()),
    hook: processMark(),
    until: z.number().exactOptional(),
  }),
);

function folderOf(layout: Dom0Layout): string {
  return join(layout.runtime, 'starts');
}

// A plain name stays as it is, so that the hook's script can remove its mark without starting the program.
function fileOf(layout: Dom0Layout, name: string): string {
  const plain = /^\w[\w.+-]{0,200}$/.test(name) ? name : Buffer.from(name).toString('base64url').slice(0, 200);
  return join(folderOf(layout), `${plain}.json`);
}

/** Marks a start whose hook runs. @throws {HostError} Unreachable when it cannot be written. */
export function markStart(layout: Dom0Layout, start: Omit<StartMark, 'until'>): Promise<void> {
  return write(layout, start);
}

/** Marks a start that the hook has let go on. @throws {HostError} Unreachable when it cannot be written. */
export function markPrepared(layout: Dom0Layout, start: Omit<StartMark, 'until'>, now: number): Promise<void> {
  return write(layout, { ...start, until: now + CREATION_MS });
}

/** Forgets a start, which has ended in one way or the other. @throws the file system's error. */
export async function unmarkStart(layout: Dom0Layout, name: string): Promise<void> {
  await rm(fileOf(layout, name), { force: true });
}

/**
 * The starts under way. What makes no sense is none, and neither is that of a hook that died.
 * @throws {HostError} Unreachable when they cannot be read.
 */
export async function readStartMarks(layout: Dom0Layout, now: number): Promise<StartMark[]> {
  const names = await namesIn(folderOf(layout), '.json');
  const marks = await Promise.all(names.map(name => readMark(join(folderOf(layout), name), now)));
  return marks.filter(found => found !== undefined);
}

async function readMark(path: string, now: number): Promise<StartMark | undefined> {
  const text = await readSmallFile(path, MARK_MAX);
  const parsed = mark().safeParse(parseJson(text ?? ''));
  if (!parsed.success) return undefined;
  const { name, uuid, hook, until } = parsed.data;
  // A clock that was set back must not make a start last for hours.
  const isCreated = until !== undefined && now <= until && until - now <= CREATION_MS;
  if (!isCreated && !(await isRunning(hook))) return undefined;
  const devices = parsed.data.devices.map(parseAddress).filter(address => address !== undefined);
  return { name, uuid, devices, hook, ...(until === undefined ? {} : { until }) };
}

async function write(layout: Dom0Layout, start: StartMark): Promise<void> {
  await replaceMark(fileOf(layout, start.name), { version: 1, ...start });
}

/** Writes a mark as a whole. @throws {HostError} Unreachable when it cannot be written. */
export async function replaceMark(path: string, content: object): Promise<void> {
  try {
    await replaceFile(path, JSON.stringify(content), { mode: 0o600, durable: false, shared: true });
  } catch (error) {
    throw new HostError('Unreachable', `cannot write ${path}: ${messageOf(error)}`, { cause: error });
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
