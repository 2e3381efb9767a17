import type { Dom0Layout } from '../api/layout.ts';
import { Controller } from '../controller/controller.ts';
import type { Pass } from '../controller/look.ts';
import type { Clock, Host, Source } from '../controller/ports.ts';
import type { Reporter } from '../controller/report.ts';
import { ApprovalFile } from './approval-file.ts';
import { Journal } from './events/journal.ts';
import { GivenFile } from './given-file.ts';
import { InventoryFile } from './inventory-file.ts';
import type { Line } from './line.ts';
import { acquireLock } from './lock.ts';
import type { Log } from './log.ts';
import { answerRequests, LookRequest } from './look-request.ts';
import { Narration } from './narration.ts';
import { StatusFile } from './status-file.ts';
import type { OnStop } from './stop-requests.ts';
import type { KeptTrial } from './trial/kept-trial.ts';

/** What a controller of one host is made of. */
export interface SessionParts {
  readonly layout: Dom0Layout;
  /** The folder that `source` reads, absolute: for those who look at the same host. */
  readonly manifests: string;
  readonly host: Host;
  readonly source: Source;
  /** What `source` lays over the manifests for a time. */
  readonly trial?: Pick<KeptTrial, 'onNews'>;
  readonly clock: Clock;
  readonly log: Log;
  /** Look at least this often, ms. */
  readonly resyncMs: number;
  /** Called when the lock is held, before the first look. */
  readonly onLocked?: () => Promise<void>;
  /** Registers what is called at each request to look now, such as SIGHUP to a service. */
  readonly onReload?: OnStop;
  /** Called when a pass has come to its end. */
  readonly onPass?: (pass: Pass) => void;
  /** Called with each report after its lines have been logged. */
  readonly onReport?: Reporter;
  /** Called when the lock is held, for what goes along with the controller; closed after it. */
  readonly attend?: (session: LiveSession) => Promise<Attendance>;
}

/** Something that goes along with a running controller. */
export interface Attendance {
  close(): Promise<void>;
}

/** A running controller for those who go along with it. */
export interface LiveSession
  extends Pick<SessionParts, 'layout' | 'manifests' | 'host' | 'clock' | 'log' | 'resyncMs'> {
  readonly journal: Journal;
  readonly onReport: (listener: Reporter) => void;
  readonly onPass: (listener: (pass: Pass) => void) => void;
  /** Asks for a look now. */
  readonly look: () => void;
}

/**
 * Calls `work` with a controller that holds the host's lock, remembers on disk, logs, and publishes its status; lets go of
 * all of it afterwards. The host and the source stay open.
 *
 * @throws {LockHeldError} when another controller has the host.
 */
export async function withController<T>(parts: SessionParts, work: (controller: Controller) => Promise<T>): Promise<T> {
  const { layout, manifests, host, source, clock, log, resyncMs } = parts;
  const lock = await acquireLock(layout);
  const statusFile = new StatusFile(layout, manifests, message => {
    log({ level: 'warn', event: 'StatusNotWritten', message, fields: {} });
  });
  const journal = await Journal.open(layout, {
    now: clock.now,
    onProblem: message => log({ level: 'warn', event: 'EventsLost', message, fields: {} }),
  });
  const narration = new Narration(clock.now, resyncMs);
  const reporters = new Set<Reporter>(parts.onReport === undefined ? [] : [parts.onReport]);
  const passListeners = new Set<(pass: Pass) => void>(parts.onPass === undefined ? [] : [parts.onPass]);
  const onPass = (pass: Pass): void => {
    for (const listener of passListeners) listener(pass);
  };
  const tell = (line: Line): void => {
    log(line);
    if (line.happening !== undefined) journal.record(line.happening);
  };
  parts.trial?.onNews(tell);
  const report: Reporter = what => {
    for (const line of narration.lines(what)) tell(line);
    if (what.type === 'StatusChanged') statusFile.publish(what.status);
    for (const listener of reporters) listener(what);
  };
  const warnWatch = (message: string): void => log({ level: 'warn', event: 'WatchFailed', message, fields: {} });
  let attendance: Attendance | undefined;
  let working: Controller | undefined;
  let endRequests: (() => void) | undefined;
  try {
    attendance = await parts.attend?.({
      ...parts,
      journal,
      onReport: listener => reporters.add(listener),
      onPass: listener => passListeners.add(listener),
      // Before there is a controller there is nothing to ask: it begins with a look.
      look: () => working?.reconcile(),
    });
    const store = new InventoryFile(layout);
    const given = new GivenFile(layout);
    const approvals = new ApprovalFile(layout, warnWatch);
    const controller = new Controller({ host, source, store, given, approvals, clock, report, resyncMs, onPass });
    working = controller;
    const asked = { retry: () => toldRetry(controller, log) };
    const requests = answerRequests(new LookRequest(layout, warnWatch), asked, id => statusFile.answer(id));
    passListeners.add(requests.check);
    const endReload = parts.onReload?.(() => void asked.retry());
    endRequests = () => {
      requests.end();
      endReload?.();
    };
    return await work(controller);
  } finally {
    endRequests?.();
    await attendance?.close();
    await statusFile.close();
    await journal.close();
    await lock.release();
  }
}

function toldRetry(controller: Controller, log: Log): ReturnType<Controller['retry']> {
  const message = 'asked to look now; what has failed is tried again at once';
  log({ level: 'info', event: 'LookRequested', message, fields: {} });
  return controller.retry();
}
