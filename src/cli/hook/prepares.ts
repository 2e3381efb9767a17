import type { HostIdentity } from '../../api/hosts.ts';
import type { Dom0Layout } from '../../api/layout.ts';
import { messageOf } from '../../controller/message-of.ts';
import type { StartHost } from '../../controller/ports.ts';
import { prepareStart } from '../../daemon/hook.ts';
import { InventoryFile } from '../../daemon/inventory-file.ts';
import { LastGoodFile, readOnly } from '../../daemon/last-good-file.ts';
import { readLiveStatus } from '../../daemon/status-file.ts';
import { SuspendingSource } from '../../daemon/suspending-source.ts';
import { SuspensionFile } from '../../daemon/suspension-file.ts';
import { trialOverlays } from '../../daemon/trial/trial-overlay.ts';
import { readStarting } from '../../host/start/starting-domain.ts';
import { thisHost } from '../../host/this-host.ts';
import { FolderSource } from '../../source/folder-source.ts';
import type { Globals } from '../context.ts';
import { readAll } from '../read-all.ts';
import type { Shell } from '../terminal/shell.ts';
import { trustOf } from '../trusted.ts';
import { say } from './says.ts';

/** Bytes of the longest definition that is read; real ones have some thousands. */
const DEFINITION_MAX = 1_048_576;

/**
 * Prepares the start of a domain whose definition is on standard input.
 * @param signal ends it with a refusal.
 * @returns why the domain may not start.
 */
export async function prepare(
  shell: Shell,
  globals: Globals,
  domain: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  const { layout } = globals;
  let definition: string;
  try {
    definition = await readAll(shell.stdin, DEFINITION_MAX, signal);
  } catch (error) {
    return `the definition of ${domain} cannot be read from standard input: ${messageOf(error)}`;
  }
  const folder = await manifestsFor(globals);
  const manifests = new FolderSource({
    folder,
    host: await hostFor(shell, layout),
    ...trustOf(layout),
    lastGood: readOnly(new LastGoodFile(layout)),
    overlays: trialOverlays(layout, folder),
  });
  const source = new SuspendingSource(manifests, new SuspensionFile(layout));
  try {
    const starting = readStarting(definition);
    const store = new InventoryFile(layout);
    return (await prepareStart({ layout, openHost: () => openHost(layout), source, store }, starting, signal)).refusal;
  } catch (error) {
    const message = `the definition of ${domain} cannot be understood: ${messageOf(error)}`;
    if (definition.includes('<hostdev')) return message;
    // What names no device cannot be started with a wrong one.
    say(shell, message);
    return undefined;
  } finally {
    await source.close();
  }
}

/** A host that cannot be named is in doubt about every manifest that is for named hosts. */
async function hostFor(shell: Shell, layout: Dom0Layout): Promise<HostIdentity> {
  return thisHost(layout).catch((error: unknown) => {
    say(shell, messageOf(error));
    return { names: [] };
  });
}

/** Those that a running controller works by, unless others were asked for. */
async function manifestsFor({ layout, manifests, manifestsGiven }: Globals): Promise<string> {
  if (manifestsGiven) return manifests;
  return (await readLiveStatus(layout))?.manifests ?? manifests;
}

/** Loaded here: a domain without devices starts sooner without. */
async function openHost(layout: Dom0Layout): Promise<StartHost> {
  const { createStartHost } = await import('../../host/index.ts');
  return createStartHost(layout);
}
