/** The product as its users run it: the bundled program, as a process of dom0. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync } from 'node:fs';
import { appendFile, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { until, within } from './deadline.ts';
import { type Output, run } from './exec.ts';

/** The built program. */
export const PROGRAM = '/share/xenpci.cjs';
/** Where the tests' manifests are; emptied by the reset. */
export const MANIFESTS = '/tmp/manifests';
/** The running controllers' standard output and error; kept for diagnosis until the reset. */
const LOG = '/tmp/xenpci.log';

const running = new Set<ChildProcess>();

/** A running `xenpci run`. */
export class Product {
  readonly #child: ChildProcess;
  readonly #exit: Promise<unknown[]>;

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.#exit = once(child, 'exit');
  }

  /** Starts `xenpci run --manifests MANIFESTS ARGS`. It is not awaited until it is ready: look at what it does. */
  static async start(...args: readonly string[]): Promise<Product> {
    if (!existsSync(PROGRAM)) throw new Error(`${PROGRAM} is missing: build the product first (npm run build)`);
    await mkdir(MANIFESTS, { recursive: true });
    await appendFile(LOG, `--- xenpci run ${args.join(' ')}\n`);
    const log = openSync(LOG, 'a');
    const line = [PROGRAM, 'run', '--manifests', MANIFESTS, ...args];
    const child = spawn(process.execPath, line, { cwd: '/', stdio: ['ignore', log, log] });
    closeSync(log);
    running.add(child);
    child.once('exit', () => running.delete(child));
    await once(child, 'spawn');
    return new Product(child);
  }

  /** Ends it the way systemd does; returns its exit code. @throws Error if it is still there after `ms`. */
  async stop(ms = 60_000): Promise<number | null> {
    this.#child.kill('SIGTERM');
    await within('xenpci run has ended', ms, () => this.#exit);
    return this.#child.exitCode;
  }

  /** `kill -9`, at any moment. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#exit;
  }

  /** Its process id. */
  get pid(): number {
    return this.#child.pid ?? assert.fail('a process that was started has an id');
  }

  /** Whether the process is still there. */
  get isRunning(): boolean {
    return running.has(this.#child);
  }
}

/** Everything the controllers of this test have written. */
export function productLog(): Promise<string> {
  return readFile(LOG, 'utf8').catch(() => '');
}

/** Waits until the controllers' log contains `pattern`. @throws Error after `ms`. */
export function logged(pattern: RegExp, ms: number): Promise<RegExpExecArray> {
  return until(`xenpci logs ${pattern}`, async () => pattern.exec(await productLog()) ?? undefined, ms);
}

/** Runs `xenpci ARGS` to its end, whatever that is: exit codes are part of what is tested. */
export function xenpci(args: readonly string[], ms = 120_000): Promise<Output> {
  return run(process.execPath, [PROGRAM, ...args], ms);
}

/** Writes a manifest the way careful tools do: in one piece. @param name a file name, such as `nics.yaml`. */
export async function writeManifest(name: string, text: string): Promise<void> {
  await mkdir(MANIFESTS, { recursive: true });
  await writeFile(`${MANIFESTS}/.${name}.new`, text);
  await rename(`${MANIFESTS}/.${name}.new`, `${MANIFESTS}/${name}`);
}

/** Removes a manifest. */
export async function removeManifest(name: string): Promise<void> {
  await rm(`${MANIFESTS}/${name}`);
}

/** Kills every controller that still runs, and removes all it and the tests have left: state, sockets, hook, manifests, log. */
export async function removeProduct(): Promise<void> {
  for (const child of running) {
    child.kill('SIGKILL');
    if (running.has(child)) await once(child, 'exit');
  }
  const left = ['/var/lib/xenpci', '/run/xenpci', '/etc/xenpci', '/etc/libvirt/hooks', MANIFESTS, LOG];
  await Promise.all(left.map(path => rm(path, { recursive: true, force: true })));
}
