import { messageOf } from '../../controller/message-of.ts';
import type { Trial, TrialEnd } from '../../daemon/trial/trial.ts';
import { TrialFile } from '../../daemon/trial/trial-file.ts';
import { putIntoFolder, requirePlainFolder } from '../applied.ts';
import type { Globals } from '../context.ts';
import { CliError, ExitCode } from '../exit.ts';
import { whoIs } from '../person.ts';
import { Screen } from '../terminal/screen.ts';
import type { Shell } from '../terminal/shell.ts';
import { untilTakenBack } from './back.ts';

/** Ends the trial of this host, whoever began it, and says how that went. @throws {CliError} */
export async function endFromElsewhere(shell: Shell, { layout }: Globals, keep: boolean): Promise<ExitCode> {
  const file = new TrialFile(layout);
  const trial = await file.load().catch((cause: unknown) => {
    throw new CliError(messageOf(cause), { cause });
  });
  if (trial === undefined || (await file.endOf(trial)) !== undefined) {
    new Screen(shell.stderr, shell).line('Nothing is on trial.', 'bad');
    return ExitCode.different;
  }
  const over = await endTrial(shell, file, trial, keep);
  if (over !== undefined) return showEnd(shell, trial, over);
  if (keep) return showEnd(shell, trial, 'confirmed');
  showEnd(shell, trial, 'reverted');
  await untilTakenBack(shell, layout, trial);
  // Whoever asks for it to be taken back has got what they asked for.
  return ExitCode.ok;
}

/** @returns how it had ended before, if it had. @throws {CliError} when it cannot be ended. */
export async function endTrial(
  shell: Shell,
  file: TrialFile,
  trial: Trial,
  keep: boolean,
): Promise<TrialEnd | undefined> {
  const write = async ({ folder, path, text }: Trial): Promise<void> => {
    await requirePlainFolder(folder);
    await putIntoFolder({ path, bytes: Buffer.from(text) });
  };
  try {
    return await file.end(trial.id, whoIs(shell), keep ? write : undefined);
  } catch (cause) {
    if (cause instanceof CliError) throw cause;
    throw new CliError(`the trial cannot be ended: ${messageOf(cause)}`, { cause });
  }
}

/** Says how a trial has ended. */
export function showEnd(shell: Shell, { path }: Trial, how: TrialEnd): ExitCode {
  const isAsked = how === 'confirmed' || how === 'reverted';
  const screen = new Screen(isAsked ? shell.stdout : shell.stderr, shell);
  screen.line(TEXTS[how](path), isAsked ? 'plain' : 'bad');
  return how === 'confirmed' ? ExitCode.ok : ExitCode.different;
}

const BACK = 'what was wanted before is wanted again';
const TEXTS: Readonly<Record<TrialEnd, (path: string) => string>> = {
  confirmed: path => `Kept: ${path} is written.`,
  reverted: () => `Taken back: ${BACK}.`,
  expired: () => `Nobody kept it in time: ${BACK}.`,
  restarted: () => `The host was started anew: ${BACK}.`,
  overtaken: path => `${path} was changed by somebody else, so the trial is over and the file is left as it is.`,
};
