import type { Dom0Layout } from '../api/layout.ts';
import { systemClock } from '../controller/clock.ts';
import { messageOf } from '../controller/message-of.ts';
import type { Host, Source } from '../controller/ports.ts';
import { LastGoodFile } from '../daemon/last-good-file.ts';
import { LockHeldError } from '../daemon/lock.ts';
import { jsonLog, type Log, textLog } from '../daemon/log.ts';
import type { SessionParts } from '../daemon/session.ts';
import { SuspendingSource } from '../daemon/suspending-source.ts';
import { SuspensionFile } from '../daemon/suspension-file.ts';
import { KeptTrial } from '../daemon/trial/kept-trial.ts';
import { createHost, detectXen } from '../host/index.ts';
import { FolderSource } from '../source/folder-source.ts';
import type { Globals } from './context.ts';
import { CliError } from './exit.ts';
import { hostOf, LOOKING, surveyOf } from './looks/survey.ts';
import { showing } from './terminal/progress.ts';
import { Screen, wantsColour } from './terminal/screen.ts';
import type { Shell } from './terminal/shell.ts';
import { trustOf } from './trusted.ts';
import { showPlan } from './views/plan-view.ts';

export interface ControlOptions {
  readonly globals: Globals;
  /** `text` shows the plan and then the steps for people, `json` one object for each event. */
  readonly log: 'text' | 'json';
  readonly resyncMs: number;
  readonly allowEmpty: boolean;
}

/**
 * Opens the host and the manifests, lets `work` control them, and closes both.
 * @throws {CliError} when another controller has the host.
 */
export async function control<T>(
  shell: Shell,
  options: ControlOptions,
  work: (parts: SessionParts) => Promise<T>,
): Promise<T> {
  const { globals, allowEmpty, resyncMs } = options;
  const log = openLog(shell, options.log);
  const identity = await hostOf(globals.layout);
  const host = createHost(globals.layout);
  const warn = (message: string): void => log({ level: 'warn', event: 'WatchFailed', message, fields: {} });
  const trial = new KeptTrial({
    layout: globals.layout,
    folder: globals.manifests,
    clock: systemClock,
    onWatchError: warn,
  });
  const folder = new FolderSource({
    folder: globals.manifests,
    host: identity,
    ...trustOf(globals.layout),
    allowEmpty,
    onWatchError: error => warn(error.message),
    overlays: trial,
    lastGood: new LastGoodFile(globals.layout),
    onLastGoodError: error => log({ level: 'warn', event: 'LastGoodFailed', message: error.message, fields: {} }),
  });
  const source = new SuspendingSource(folder, new SuspensionFile(globals.layout, warn));
  const { layout, manifests } = globals;
  const parts = { layout, manifests, host, source, trial, clock: systemClock, log, resyncMs };
  try {
    const onLocked = (): Promise<void> => showFirst(shell, globals, { host, source, log });
    return await work(options.log === 'json' ? parts : { ...parts, onLocked });
  } catch (error) {
    if (error instanceof LockHeldError) throw new CliError(error.message, { cause: error });
    throw error;
  } finally {
    await Promise.all([host.close(), source.close()]);
    await trial.close();
  }
}

/** @throws {CliError} when this is no dom0, and says how to see the program work all the same. */
export async function requireXen(layout: Dom0Layout): Promise<void> {
  if (await detectXen(layout)) return;
  const place = layout.root === '/' ? 'this machine' : layout.root;
  const evidence = `no control_d in ${layout.procfs}/xen/capabilities`;
  throw new CliError(
    `${place} is no Xen dom0 (${evidence}). To see xenpci work without Xen: xenpci run --host simulated`,
  );
}

function openLog(shell: Shell, format: 'text' | 'json'): Log {
  if (format === 'json') return jsonLog(shell.stdout);
  const { stdout } = shell;
  const columns = (): number | undefined => (stdout.isTerminal ? stdout.columns : undefined);
  return textLog(stdout, { colour: wantsColour(stdout, shell), columns, now: systemClock.now });
}

/** Shows the plan, which people see first. */
async function showFirst(
  shell: Shell,
  globals: Globals,
  { host, source, log }: { readonly host: Host; readonly source: Source; readonly log: Log },
): Promise<void> {
  const screen = new Screen(shell.stdout, shell);
  try {
    const look = await showing(shell, LOOKING, () => surveyOf(globals, host, source));
    screen.line('Plan:');
    screen.line();
    showPlan(screen, look);
    screen.line();
  } catch (cause) {
    // The controller goes on trying by itself, and says so.
    log({ level: 'warn', event: 'PlanFailed', message: messageOf(cause), fields: {} });
  }
}
