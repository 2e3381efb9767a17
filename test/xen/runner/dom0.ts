/** One boot of dom0: the emulator's process, its console, and the events the test program writes. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, watch } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Event, RESET_LIMIT } from '../events.ts';

/** ms until the test program must have reported for the first time: boot takes 30 to 60 s on an idle machine. */
const BOOT_LIMIT = 600_000;
/** ms the whole of one suite may take. */
const SUITE_LIMIT = 7_200_000;
/** ms the emulator has to end by itself once it is told to. */
const KILL_AFTER = 5_000;
/** ms after which the events are read again although none was announced. */
const RECHECK = 1_000;

/** What to boot. */
export interface Boot {
  /** The script `boot`. */
  readonly script: string;
  readonly suite: string;
  /** Its first process: one that starts what the tests need, or Debian's own. */
  readonly init: 'lab' | 'systemd';
  /** The folder dom0 sees as /share. */
  readonly share: string;
  /** What dom0 runs. */
  readonly command: string;
  /** The file the console goes to. */
  readonly log: string;
}

/**
 * Boots dom0, hands on each event as it comes, and ends the emulator after the last one: all results are there, the disk
 * is a snapshot, and how an emulated dom0 shuts down shows nothing about the product.
 * @param signal ends the emulator at once.
 * @returns what went wrong with dom0 itself, or undefined if it ran the program to its end.
 */
export async function runDom0(
  boot: Boot,
  onEvent: (event: Event) => void,
  signal: AbortSignal,
): Promise<string | undefined> {
  const child = spawn(boot.script, [boot.suite, boot.share, boot.command], {
    // A process group of its own, so that the emulator ends with the script.
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, XENPCI_LAB_TIMEOUT: String(SUITE_LIMIT / 1_000), XENPCI_LAB_INIT: boot.init },
  });
  const killer = new Killer(child);
  const onAbort = (): void => killer.kill(String(signal.reason));
  signal.addEventListener('abort', onAbort);
  const log = createWriteStream(boot.log);
  child.stdout.pipe(log, { end: false });
  child.stderr.pipe(log, { end: false });
  let finished = false;
  const take = (event: Event): void => {
    onEvent(event);
    if (event.type === 'finished') {
      finished = true;
      killer.disarm();
      killer.end();
    } else killer.allow(limitAfter(event));
  };
  const events = new EventFile(join(boot.share, 'events.jsonl'), take, error => killer.kill(String(error)));
  killer.allow(BOOT_LIMIT);
  const [code] = (await once(child, 'close')) as [number | null];
  killer.disarm();
  signal.removeEventListener('abort', onAbort);
  await events.close();
  await new Promise(done => log.end(done));
  if (finished) return undefined;
  if (killer.reason !== undefined) return killer.reason;
  return code === 0 ? undefined : explain(code);
}

function explain(code: number | null): string {
  if (code === 124) return `dom0 was still running after ${SUITE_LIMIT / 60_000} minutes`;
  if (code === 125) return 'dom0 did not come up, or went down by itself';
  return `the test program in dom0 ended with exit code ${code}`;
}

/** ms until the next event must be there. */
function limitAfter(event: Exclude<Event, { type: 'finished' }>): number {
  switch (event.type) {
    case 'selected':
    case 'ended':
      return RESET_LIMIT;
    case 'started':
      return event.deadline + 2 * RESET_LIMIT;
    case 'noted':
    case 'measured':
      return SUITE_LIMIT;
  }
}

/** Ends the emulator when nothing has happened for too long, when it is over, or on order. */
class Killer {
  readonly #child: ChildProcess;
  #timer: NodeJS.Timeout | undefined;
  reason: string | undefined;

  constructor(child: ChildProcess) {
    this.#child = child;
  }

  /** From now on, `ms` more. */
  allow(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.kill(`no sign of life from dom0 for ${ms / 1_000} s`), ms);
  }

  disarm(): void {
    clearTimeout(this.#timer);
  }

  /** Ends the emulator at once, for a reason that the report names. */
  kill(reason: string): void {
    this.reason ??= reason;
    this.end();
  }

  /** Ends the emulator at once. */
  end(): void {
    this.#signalAll('SIGTERM');
    setTimeout(() => this.#signalAll('SIGKILL'), KILL_AFTER).unref();
  }

  #signalAll(signal: NodeJS.Signals): void {
    const { pid, exitCode, signalCode } = this.#child;
    if (pid !== undefined && exitCode === null && signalCode === null) process.kill(-pid, signal);
  }
}

/** Reads whole lines of a growing file. */
class EventFile {
  readonly #path: string;
  readonly #onEvent: (event: Event) => void;
  readonly #stop: () => void;
  #read = 0;
  #reading: Promise<void> = Promise.resolve();

  /** @param onError called if the file cannot be read or holds something else; no event follows. */
  constructor(path: string, onEvent: (event: Event) => void, onError: (error: unknown) => void) {
    this.#path = path;
    this.#onEvent = onEvent;
    const more = (): void => {
      this.#reading = this.#reading.then(() => this.#readMore()).catch(onError);
    };
    const watcher = watch(path, more);
    const timer = setInterval(more, RECHECK);
    this.#stop = (): void => {
      watcher.close();
      clearInterval(timer);
      more();
    };
  }

  /** Reads what is left. */
  async close(): Promise<void> {
    this.#stop();
    await this.#reading;
  }

  async #readMore(): Promise<void> {
    const content = (await readFile(this.#path)).subarray(this.#read);
    const end = content.lastIndexOf('\n') + 1;
    this.#read += end;
    for (const line of content.subarray(0, end).toString('utf8').split('\n')) {
      if (line !== '') this.#onEvent(JSON.parse(line) as Event);
    }
  }
}
