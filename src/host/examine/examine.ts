import { access } from 'node:fs/promises';
import { join } from 'node:path';
import type { Dom0Layout } from '../../api/layout.ts';
import type { Version } from '../../node-libvirt/index.ts';
import { detectXen } from '../detect-xen.ts';
import { type ConnectedDom0, DEFAULT_DEADLINES, openDom0 } from '../dom0.ts';
import { connectLibvirt } from '../libvirt/view.ts';
import { isGone } from '../small-file.ts';
import { isHookInForce } from '../start/hook-mark.ts';
import { PCIBACK } from '../sysfs/sysfs.ts';
import { parseXenInfo, type XenInfo } from '../xl/xen-info.ts';
import { type Answer, ask, marked } from './ask.ts';
import { findHooks, type HookFile } from './hook-files.ts';
import { type Ownership, ownershipOf } from './ownership.ts';

/** What a dom0 is found to be made of, each part by itself: one that does not answer keeps no other from being asked. */
export interface Examination {
  /** Whether this is a Xen dom0. */
  readonly xen: Answer<boolean>;
  /** What xl says of Xen. */
  readonly xl: Answer<XenInfo>;
  readonly xenstore: Answer<true>;
  /** Whether pciback is there to bind devices to. */
  readonly pciback: Answer<boolean>;
  /** The version of libvirt, by its daemon. */
  readonly libvirt: Answer<Version>;
  /** Whether libvirt's newer daemon for Xen is there, which answers at a socket of its own. */
  readonly virtxend: Answer<boolean>;
  readonly hook: Answer<{ readonly files: readonly HookFile[]; readonly called: boolean }>;
  /** Who owns the folder of state; undefined while there is none. */
  readonly state: Answer<Ownership | undefined>;
  /** The list of names of cards; undefined when there is none. */
  readonly pciIds: Answer<string | undefined>;
}

/**
 * Asks every part of a dom0 whether it is there, all at once and each for a bounded time. Nothing is changed.
 * @param deadlineMs for each question, ms.
 * @param open is kept up to what has no answer yet, in words.
 */
export async function examine(layout: Dom0Layout, deadlineMs: number, open: Set<string>): Promise<Examination> {
  const dom0 = openDom0(layout, { ...DEFAULT_DEADLINES, readMs: deadlineMs });
  try {
    const [xen, xl, xenstore, pciback, libvirt, virtxend, hook, state, pciIds] = await Promise.all([
      ask(deadlineMs, () => detectXen(layout)),
      marked(
        open,
        'xl',
        ask(deadlineMs, async signal => parseXenInfo(await dom0.xl.info(signal))),
      ),
      marked(
        open,
        'xenstore',
        ask(deadlineMs, signal => readStore(dom0, signal)),
      ),
      ask(deadlineMs, () => isThere(join(layout.sysfs, 'bus/pci/drivers', PCIBACK))),
      marked(
        open,
        'libvirt',
        ask(deadlineMs, signal => libvirtVersion(dom0, signal)),
      ),
      ask(deadlineMs, () => isThere(join(layout.root, 'run/libvirt/virtxend-sock'))),
      ask(deadlineMs, async () => ({ files: await findHooks(layout), called: await isHookInForce(layout) })),
      ask(deadlineMs, () => ownershipOf(layout.state)),
      ask(deadlineMs, () => firstThere(layout.pciIds)),
    ]);
    return { xen, xl, xenstore, pciback, libvirt, virtxend, hook, state, pciIds };
  } finally {
    dom0.libvirt.close();
    await dom0.xenstore.close();
  }
}

async function readStore({ xenstore }: ConnectedDom0, signal: AbortSignal): Promise<true> {
  const client = await xenstore.client();
  await client.directory('/local/domain', { signal });
  return true;
}

async function libvirtVersion({ libvirt }: ConnectedDom0, signal: AbortSignal): Promise<Version> {
  await connectLibvirt(libvirt, signal);
  return libvirt.libraryVersion({ signal });
}

async function isThere(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch (error) {
    if (isGone(error)) return false;
    throw error;
  }
}

async function firstThere(paths: readonly string[]): Promise<string | undefined> {
  for (const path of paths) if (await isThere(path)) return path;
  return undefined;
}
