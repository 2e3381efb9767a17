import { messageOf } from '../../controller/message-of.ts';
import type { Status } from '../../controller/status-types.ts';
import { runningController } from '../../daemon/lock.ts';
import { LookRequest } from '../../daemon/look-request.ts';
import { type LiveStatus, readLiveStatus } from '../../daemon/status-file.ts';
import type { Globals } from '../context.ts';
import { CliError } from '../exit.ts';
import { awaitPublished, type Waited } from './await.ts';

/** How the running controller answered: with what it saw last, in time or not. */
export interface Answered {
  readonly waited: Waited;
  readonly status: Status;
  readonly controller: number;
}

/**
 * Asks the running controller to look now, and waits until it has, and what it began has ended or waits.
 * @throws {CliError} when none runs, it works by other manifests than were asked for, or it ends meanwhile.
 */
export async function askRunning(
  { layout, manifests, manifestsGiven }: Globals,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<Answered> {
  let live = await readLiveStatus(layout);
  if (live === undefined) {
    const pid = await runningController(layout);
    throw new CliError(
      pid === undefined
        ? 'no controller runs on this host. To bring everything into place without one, use --once'
        : `the controller (process ${pid}) has not looked at the host yet: see journalctl -u xenpci, or xenpci doctor`,
    );
  }
  if (manifestsGiven && live.manifests !== manifests) {
    throw new CliError(`the running controller works by ${live.manifests}; --manifests goes with --once`);
  }
  const controller = live.writer.pid;
  const request = new LookRequest(layout);
  const id = await request.ask().catch((cause: unknown) => {
    throw new CliError(`the running controller cannot be asked: ${messageOf(cause)}`, { cause });
  });
  // Whoever asks later replaces the request, and the answer to that is of a later look still.
  const asked = new Set([id]);
  const judge = async (now: LiveStatus | undefined): Promise<boolean> => {
    if (now === undefined) throw new CliError(`the controller (process ${controller}) has ended before it answered`);
    live = now;
    const last = await request.last();
    if (last !== undefined) asked.add(last);
    return now.answered !== undefined && asked.has(now.answered);
  };
  const waited = await awaitPublished(layout, { timeoutMs, signal, judge });
  return { waited, status: live.status, controller };
}
