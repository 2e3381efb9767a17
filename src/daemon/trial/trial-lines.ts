import { ref } from '../events/event.ts';
import { eventLine, type Line } from '../line.ts';
import { bytesHash, type Trial, type TrialEnd } from './trial.ts';

const HASH_DIGITS = 16;

/** Tells that a trial is in force. */
export function beganLine(trial: Trial): Line {
  const { path, by, until } = trial;
  const time = new Date(until).toISOString();
  const note = `${by} tries ${path}`;
  const message = `${note} until ${time.slice(11, 19)}Z; xenpci try --confirm keeps it, and nothing else does`;
  return eventLine('info', 'TrialBegan', message, fieldsOf(trial), {
    action: 'Try',
    regarding: ref('manifest', path),
    note,
  });
}

/** Tells how a trial ended, and who ended it. */
export function endedLine(trial: Trial, how: TrialEnd): Line {
  const about = { action: 'Try', regarding: ref('manifest', trial.path) };
  const who = trial.end?.by ?? trial.by;
  const fields = { ...fieldsOf(trial), how, ...(trial.end === undefined ? {} : { endedBy: who }) };
  if (how === 'confirmed') return eventLine('info', 'TrialConfirmed', `${who} keeps ${trial.path}`, fields, about);
  const message = `the trial of ${trial.path} by ${trial.by} is over: ${whyOver(how, who)}`;
  return eventLine('warn', 'TrialReverted', message, fields, about);
}

function whyOver(how: Exclude<TrialEnd, 'confirmed'>, who: string): string {
  const back = 'what was wanted before is wanted again';
  switch (how) {
    case 'reverted':
      return `${who} took it back; ${back}`;
    case 'expired':
      return `nobody confirmed it in time; ${back}`;
    case 'restarted':
      return `the host was started anew; ${back}`;
    case 'overtaken':
      return 'somebody else has changed the file, which is left as it is';
  }
}

/** Tells that the record of a trial is of no use. */
export function unusableLine(message: string, running: Trial | undefined): Line {
  const what = running === undefined ? 'nothing is on trial' : 'what was read before counts until its time is up';
  return eventLine(
    'error',
    'TrialUnusable',
    `${message}; ${what}`,
    {},
    { action: 'Try', regarding: ref('host', 'dom0') },
  );
}

function fieldsOf({ path, by, text }: Trial): Record<string, string> {
  return { file: path, by, content: bytesHash(text).slice(0, HASH_DIGITS) };
}
