import type { Command } from 'commander';
import type { Dom0Layout } from '../../api/layout.ts';
import { messageOf } from '../../controller/message-of.ts';
import { markHook } from '../../host/start/hook-mark.ts';
import { unmarkStart } from '../../host/start/start-marks.ts';
import { type Context, globalsOf, withExamples } from '../context.ts';
import { ExitCode } from '../exit.ts';
import { say } from '../hook/says.ts';
import { processId, seconds } from '../terminal/numbers.ts';
import { showing } from '../terminal/progress.ts';
import type { Shell } from '../terminal/shell.ts';

/** The phases after which a domain is no longer about to start (libvirt, hooks.html). */
const ENDINGS = new Set(['started', 'stopped', 'release']);

interface Options {
  readonly timeout: number;
  readonly caller?: number;
  readonly script?: string;
}

/** `xenpci hook`. */
export function hookCommand(command: Command, { shell, end }: Context): Command {
  return withExamples(command, [
    ['As libvirt does before it starts a domain', 'virsh dumpxml red | xenpci hook red prepare begin -'],
  ])
    .option('--timeout <duration>', 'refuse the start after this time', seconds, 60)
    .option('--caller <pid>', 'the libvirtd that calls (default: the parent process)', processId)
    .option('--script <file>', 'the file that libvirt called')
    .addHelpText('after', '\nExit codes: 0 the domain may start, 1 it may not, and one line says why.')
    .action(async ([domain = '', phase = '']: string[], options: Options) => {
      const { timeout, caller = shell.caller, script } = options;
      const globals = globalsOf(command, shell);
      const ended = ENDINGS.has(phase) ? domain : undefined;
      await note(shell, globals.layout, { caller, script, ended });
      if (phase !== 'prepare') return end(ExitCode.ok);
      // Only here: every domain that starts waits for what is loaded.
      const { prepare } = await import('../hook/prepares.ts');
      const refusal = await showing(shell, `preparing the start of ${domain}`, () =>
        prepare(shell, globals, domain, AbortSignal.timeout(timeout * 1000)),
      );
      if (refusal === undefined) return end(ExitCode.ok);
      say(shell, refusal);
      end(ExitCode.different);
    });
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
