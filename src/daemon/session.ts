import type { Dom0Layout } from '../api/layout.ts';
import { Controller } from '../controller/controller.ts';
import type { Clock, Host, Source } from '../controller/ports.ts';
import type { PassResult } from '../controller/reconciler.ts';
import type { Reporter } from '../controller/report.ts';
import { ApprovalFile } from './approval-file.ts';
import { Journal } from './events/journal.ts';
import { InventoryFile } from './inventory-file.ts';
import { acquireLock } from './lock.ts';
import type { Log } from './log.ts';
import { Narration } from './narration.ts';
import { StatusFile } from './status-file.ts';

/** What a controller of one host is made of. */
export interface SessionParts {
  readonly layout: Dom0Layout;
  /** The folder that `source` reads, absolute: for those who look at the same host. */
  readonly manifests: string;
  readonly host: Host;
  readonly source: Source;
  readonly clock: Clock;
  readonly log: Log;
  /** Look at least this often, ms. */
  readonly resyncMs: number;
  /** Called when the lock is held, before the first look. */
  readonly onLocked?: () => Promise<void>;
  /** Called when a pass has come to its end. */
  readonly onPass?: (result: PassResult) => void;
  /** Called with each report after its lines have been logged. */
  readonly onReport?: Reporter;
}

/**
 * Calls `work` with a controller that holds the host's lock, remembers on disk, logs, and publishes its status; lets go of
 * all of it afterwards. The host and the source stay open.
 *
 * @throws {LockHeldError} when another controller has the host.
 */
export async function withController<T>(parts: SessionParts, work: (controller: Controller) => Promise<T>): Promise<T> {
  const { layout, manifests, host, source, clock, log, resyncMs, onPass } = parts;
  const lock = await acquireLock(layout);
  const statusFile = new StatusFile(layout, manifests, message => {
    log({ level: 'warn', event: 'StatusNotWritten', message, fields: {} });
  });
  const journal = await Journal.open(layout, {
    now: clock.now,
    onProblem: message => log({ level: 'warn', event: 'EventsLost', message, fields: {} }),
  });
  const narration = new Narration(clock.now, resyncMs);
  const report: Reporter = what => {
    for (const line of narration.lines(what)) {
      log(line);
      if (line.happening !== undefined) journal.record(line.happening);
    }
    if (what.type === 'StatusChanged') statusFile.publish(what.status);
    parts.onReport?.(what);
  };
  try {
    const store = new InventoryFile(layout);
    const approvals = new ApprovalFile(layout, message => {
      log({ level: 'warn', event: 'WatchFailed', message, fields: {} });
    });
    return await work(
      new Controller({
        host,
        source,
        store,
        approvals,
        clock,
        report,
        resyncMs,
        ...(onPass === undefined ? {} : { onPass }),
      }),
    );
  } finally {
    await statusFile.close();
    await journal.close();
    await lock.release();
  }
}
