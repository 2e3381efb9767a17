import type { Pass } from '../controller/look.ts';
import type { Reporter } from '../controller/report.ts';
import type { Status } from '../controller/status-types.ts';
import { isEmptyFolder } from '../source/problem.ts';
import { readyOf } from './narration.ts';
import { Notifier } from './notify.ts';
import type { SessionParts } from './session.ts';
import type { OnStop } from './stop-requests.ts';

/**
 * Lets `run` work as a service of systemd: ready after the first pass, alive as long as passes come to an end, with one
 * line that says how the assignments stand. A pass whose look failed counts as well: a new start would not make libvirtd
 * answer. Without a socket to notify it only works.
 *
 * @param socket what NOTIFY_SOCKET says; absent or empty where nobody wants to know.
 */
export async function asService<T>(
  socket: string | undefined,
  parts: SessionParts,
  onStop: OnStop,
  run: (parts: SessionParts) => Promise<T>,
): Promise<T> {
  if (!socket) return run(parts);
  const notifier = new Notifier(message => parts.log({ level: 'warn', event: 'NotifyFailed', message, fields: {} }));
  const release = onStop(() => notifier.tell({ STOPPING: '1', STATUS: 'stopping' }));
  let standing = 'the first look has not ended yet';
  const onPass = ({ look }: Pass): void => {
    const text = look === undefined ? 'the host cannot be looked at' : standing;
    notifier.tell({ READY: '1', WATCHDOG: '1', STATUS: text });
  };
  const onReport: Reporter = report => {
    parts.onReport?.(report);
    // What is reported belongs to the pass that is about to end, which tells it.
    if (report.type === 'StatusChanged') standing = statusText(report.status);
  };
  try {
    return await run({ ...parts, onPass, onReport });
  } finally {
    release();
    await notifier.close();
  }
}

/** How the assignments stand, in one line. */
export function statusText({ assignments, problems }: Status): string {
  const ready = assignments.filter(assignment => readyOf(assignment)?.status === 'True').length;
  const all = assignments.length === 1 ? '1 assignment is' : `${assignments.length} assignments are`;
  const text = assignments.length === 0 ? 'no assignments' : `${ready} of ${all} ready`;
  if (assignments.length === 0 && isEmptyFolder(problems)) return 'there are no manifests yet';
  if (problems.length === 0) return text;
  return `${text}; ${problems.length === 1 ? '1 problem' : `${problems.length} problems`} in the manifests`;
}
