import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { parseAddress } from '../../api/address.ts';
import { readLiveStatus } from '../../daemon/status-file.ts';
import { SuspensionFile } from '../../daemon/suspension-file.ts';
import { ask, createHost, thisHost } from '../../host/index.ts';
import type { Observed } from '../../plan/observed.ts';
import { FolderSource } from '../../source/folder-source.ts';
import type { Globals } from '../context.ts';
import { VERSION } from '../version.ts';

/** How long a person who has pressed a key is kept waiting for names, ms. */
const PATIENCE_MS = 2_000;

type Kind = 'devices' | 'assignments' | 'suspended' | 'domains';

const FINDERS: Readonly<Record<Kind, (globals: Globals) => Promise<string[]>>> = {
  devices,
  assignments,
  suspended,
  domains,
};

/** The names of that kind on this host; none when they cannot be had, or not soon enough. */
export async function namesOf(kind: Kind, globals: Globals): Promise<readonly string[]> {
  const answer = await ask(PATIENCE_MS, () => FINDERS[kind](globals));
  return 'found' in answer ? answer.found : [];
}

async function devices({ layout }: Globals): Promise<string[]> {
  const names = await readdir(join(layout.sysfs, 'bus/pci/devices'));
  return names.filter(name => parseAddress(name) !== undefined).sort();
}

/** As a running controller knows them, else as the manifests name them. */
async function assignments({ layout, manifests, manifestsGiven }: Globals): Promise<string[]> {
  const live = manifestsGiven ? undefined : await readLiveStatus(layout);
  if (live !== undefined) return live.status.assignments.map(({ name }) => name).sort();
  const source = new FolderSource({ folder: manifests, host: await thisHost(layout), quietMs: 0 });
  try {
    const snapshot = await source.read();
    return snapshot.assignments.map(({ assignment }) => assignment.metadata.name).sort();
  } finally {
    await source.close();
  }
}

/** What persons have suspended at this machine: its manifest may be gone, and only the record still knows it. */
async function suspended({ layout }: Globals): Promise<string[]> {
  const found = await new SuspensionFile(layout).load();
  return 'unusable' in found ? [] : found.suspended.map(({ assignment }) => assignment).sort();
}

/** As a running controller saw them, else as they are. */
async function domains({ layout }: Globals): Promise<string[]> {
  const { lastLook } = await import('../../daemon/api/last-look.ts');
  const answer = await lastLook(layout, { version: VERSION });
  const found = 'look' in answer ? answer.look.observed : await observed(layout);
  return found.domains.map(({ name }) => name).sort();
}

async function observed(layout: Globals['layout']): Promise<Observed> {
  const host = createHost(layout);
  try {
    return await host.observe(AbortSignal.timeout(PATIENCE_MS));
  } finally {
    await host.close();
  }
}
