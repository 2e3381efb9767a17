import type { Command } from 'commander';
import type { HostIdentity } from '../../api/hosts.ts';
import type { Dom0Layout } from '../../api/layout.ts';
import { prepareStart } from '../../daemon/hook.ts';
import { InventoryFile } from '../../daemon/inventory-file.ts';
import { LastGoodFile, readOnly } from '../../daemon/last-good-file.ts';
import { messageOf } from '../../daemon/message-of.ts';
import { readLiveStatus } from '../../daemon/status-file.ts';
import { SuspendingSource } from '../../daemon/suspending-source.ts';
import { SuspensionFile } from '../../daemon/suspension-file.ts';
import { trialOverlays } from '../../daemon/trial/trial-overlay.ts';
import { createStartHost, markHook, readStarting, thisHost, unmarkStart } from '../../host/index.ts';
import { FolderSource } from '../../source/folder-source.ts';
import { safeLine } from '../../source/terminal.ts';
import { type Context, type Globals, globalsOf, newCommand } from '../context.ts';
import { ExitCode } from '../exit.ts';
import { processId, seconds } from '../numbers.ts';
import { readAll } from '../read-all.ts';
import type { Shell } from '../shell.ts';

/** Bytes of the longest definition that is read; real ones have some thousands. */
const DEFINITION_MAX = 1_048_576;
/** The phases after which a domain is no longer about to start (libvirt, hooks.html). */
const ENDINGS = new Set(['started', 'stopped', 'release']);

interface Options {
  readonly timeout: number;
  readonly caller?: number;
  readonly script?: string;
}

/** `xenpci hook`. */
export function hookCommand({ shell, end }: Context): Command {
  return newCommand('hook', 'Prepare or refuse the start of a domain; libvirt calls it', [
    ['As libvirt does before it starts a domain', 'virsh dumpxml red | xenpci hook red prepare begin -'],
  ])
    .argument('<call...>', 'what libvirt passes: DOMAIN PHASE SUBPHASE EXTRA; it acts in phase prepare only')
    .option('--timeout <seconds>', 'refuse the start after this time', seconds, 60)
    .option('--caller <pid>', 'the libvirtd that calls (default: the parent process)', processId)
    .option('--script <file>', 'the file that libvirt called')
    .addHelpText('after', '\nExit codes: 0 the domain may start, 1 it may not, and one line says why.')
    .action(async ([domain = '', phase = '']: string[], options: Options, command: Command) => {
      const { timeout, caller = shell.caller, script } = options;
      const globals = globalsOf(command, shell);
      const ended = ENDINGS.has(phase) ? domain : undefined;
      await note(shell, globals.layout, { caller, script, ended });
      if (phase !== 'prepare') return end(ExitCode.ok);
      const refusal = await prepare(shell, globals, domain, AbortSignal.timeout(timeout * 1000));
      if (refusal === undefined) return end(ExitCode.ok);
      say(shell, refusal);
      end(ExitCode.different);
    });
}

/** @returns why the domain may not start. */
async function prepare(
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
  const host = createStartHost(layout);
  const folder = await manifestsFor(globals);
  const manifests = new FolderSource({
    folder,
    host: await hostFor(shell, layout),
    lastGood: readOnly(new LastGoodFile(layout)),
    overlays: trialOverlays(layout, folder),
  });
  const source = new SuspendingSource(manifests, new SuspensionFile(layout));
  try {
    const starting = readStarting(definition);
    const store = new InventoryFile(layout);
    return (await prepareStart({ layout, host, source, store }, starting, signal)).refusal;
  } catch (error) {
    const message = `the definition of ${domain} cannot be understood: ${messageOf(error)}`;
    if (definition.includes('<hostdev')) return message;
    // What names no device cannot be started with a wrong one.
    say(shell, message);
    return undefined;
  } finally {
    await Promise.all([host.close(), source.close()]);
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

/** Leaves the sign that libvirt calls us. It must never keep a domain from anything. */
async function note(
  shell: Shell,
  layout: Dom0Layout,
  {
    caller,
    script,
    ended,
  }: { readonly caller: number; readonly script: string | undefined; readonly ended: string | undefined },
): Promise<void> {
  try {
    await markHook(layout, caller, script);
    if (ended !== undefined) await unmarkStart(layout, ended);
  } catch (error) {
    say(shell, messageOf(error));
  }
}

/** One line, which reaches whoever starts the domain. */
function say(shell: Shell, text: string): void {
  shell.stderr.write(`xenpci: ${safeLine(text.replaceAll(/\s+/g, ' '))}\n`);
}
