import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { parseAddress } from '../../api/address.ts';
import { readLiveStatus } from '../../daemon/status-file.ts';
import { ask, thisHost } from '../../host/index.ts';
import { FolderSource } from '../../source/folder-source.ts';
import type { Globals } from '../context.ts';

/** How long a person who has pressed a key is kept waiting for names, ms. */
const PATIENCE_MS = 2_000;

/** The names of this host's devices or assignments; none when they cannot be had, or not soon enough. */
export async function namesOf(kind: 'devices' | 'assignments', globals: Globals): Promise<readonly string[]> {
  const answer = await ask(PATIENCE_MS, () => (kind === 'devices' ? devices(globals) : assignments(globals)));
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
