import type { Dom0Layout } from '../../api/layout.ts';
import { Wake } from '../../controller/wake.ts';
import { type LiveStatus, readLiveStatus } from '../../daemon/status-file.ts';
import type { Trial } from '../../daemon/trial/trial.ts';
import { onPublished } from '../looks/await.ts';
import { showing } from '../terminal/progress.ts';
import { Screen } from '../terminal/screen.ts';
import type { Shell } from '../terminal/shell.ts';

/** A pass that is under way may take as long as a look may, ms. */
const PATIENCE_MS = 60_000;
const RESYNC_MS = 1_000;

/** Whether a running controller works by a trial. */
export function isTakenUp({ status: { trial: now } }: LiveStatus, { path, until, by }: Trial): boolean {
  return now?.file === path && now.by === by && Date.parse(now.until) === until;
}

/** Waits until the controller works by what was wanted before, and says so if it does not: it will, whoever waits. */
export function untilTakenBack(shell: Shell, layout: Dom0Layout, trial: Trial): Promise<void> {
  return showing(shell, 'waiting until the controller has gone back', () => awaitBack(shell, layout, trial));
}

async function awaitBack(shell: Shell, layout: Dom0Layout, trial: Trial): Promise<void> {
  const wake = new Wake();
  const hint = (): void => wake.now();
  const deadline = AbortSignal.timeout(PATIENCE_MS);
  let stopped = false;
  const resync = setInterval(hint, RESYNC_MS);
  const ends = [
    onPublished(layout, hint),
    shell.onStop(() => {
      stopped = true;
      hint();
    }),
  ];
  try {
    for (;;) {
      const live = await readLiveStatus(layout);
      if (live !== undefined && !isTakenUp(live, trial)) return;
      if (stopped || deadline.aborted || live === undefined) {
        const who = live === undefined ? 'no controller runs' : 'the controller has not taken note yet';
        new Screen(shell.stderr, shell).line(`${who}; it goes back at its next look`, 'bad');
        return;
      }
      await wake.wait();
    }
  } finally {
    clearInterval(resync);
    for (const end of ends) end();
  }
}
