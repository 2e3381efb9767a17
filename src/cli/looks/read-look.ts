import { type Command, Option } from 'commander';
import type { LastLook, NoLook } from '../../daemon/api/last-look.ts';
import type { ServedLook } from '../../daemon/api/served-look.ts';
import { type Globals, globalsOf } from '../context.ts';
import { CliError } from '../exit.ts';
import { showing } from '../terminal/progress.ts';
import { Screen } from '../terminal/screen.ts';
import type { Shell } from '../terminal/shell.ts';
import { VERSION } from '../version.ts';
import { byName } from './by-name.ts';
import { LOOKING } from './looking.ts';
import type { Survey } from './survey.ts';

/** `--direct`, for commands that use `readLook`. */
export function directOption(): Option {
  return new Option('--direct', 'look at the host itself, and not through the running controller');
}

/**
 * What a command shows that only reads: the last look of the running controller, which costs the host nothing, needs no
 * root, and is what the controller goes by. Without a controller, with one that works by other manifests than were asked
 * for or is of another version, and with `--direct`, it looks at the host itself.
 *
 * So do `get`, `describe` and `report`, which are true of one moment anyhow; `wait` asks for a look that began after it did
 * (see await.ts). All others look for themselves, because a look from before an edit or a step would be wrong for them:
 * `plan`, `apply` and `approve` speak of the manifests as they are now; `boot-hide` and `export` write files to keep;
 * `doctor` is asked when the controller may be wrong; `ui` is told of changes by the host; the hook and `reconcile --once`
 * work without a controller.
 *
 * @throws {CliError} when there is no controller to ask and the host cannot be looked at.
 */
export function readLook(command: Command, shell: Shell): Promise<Survey> {
  return showing(shell, LOOKING, () => read(command, shell));
}

async function read(command: Command, shell: Shell): Promise<Survey> {
  const globals = globalsOf(command, shell);
  if (command.opts<{ direct?: boolean }>().direct === true) return survey(globals);
  const answer = await askServed(globals);
  if ('look' in answer) return isAskedFor(answer, globals) ? served(answer, globals) : survey(globals);
  if (answer.none === 'Unusable') {
    new Screen(shell.stderr, shell).line(`${answer.why}; showing the host as it is now`);
  }
  return survey(globals).catch((cause: unknown) => {
    throw withReason(cause, answer);
  });
}

/** An error of looking at the host, with why the controller could not be asked where a person can change that. */
export function withReason(cause: unknown, { none, why }: NoLook): unknown {
  if (none !== 'NoAccess' || !(cause instanceof CliError)) return cause;
  return new CliError(`${cause.message}\n${why}`, { cause });
}

/** Loaded here: what the running controller tells is shown without any of what a look of one's own needs. */
async function survey(globals: Globals): Promise<Survey> {
  return (await import('./survey.ts')).survey(globals);
}

/** Asks the running controller. Loaded here: most commands need no web client, and start faster without. */
export async function askServed(
  { layout }: Globals,
  options: { readonly fresh?: boolean; readonly signal?: AbortSignal } = {},
): Promise<LastLook> {
  const { lastLook } = await import('../../daemon/api/last-look.ts');
  return lastLook(layout, { version: VERSION, ...options });
}

/** Whether a look is of the manifests that were asked for. */
export function isAskedFor({ manifests }: ServedLook, globals: Globals): boolean {
  return !globals.manifestsGiven || globals.manifests === manifests;
}

/** Times are told from now, and not from when the controller looked. */
export function served({ look, manifests, controller }: ServedLook, globals: Globals): Survey {
  return { ...look, status: byName(look.status), globals: { ...globals, manifests }, controller, now: Date.now() };
}
