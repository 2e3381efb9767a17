import { type ChildProcess, spawn } from 'node:child_process';
import { openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { dom0Layout } from '../../src/api/layout.ts';
import { answered } from '../../src/daemon/api/answered.ts';
import { socketPath } from '../../src/daemon/api/socket-file.ts';
import { PROGRAM } from '../bench/program.ts';
import { ask, ended, ready } from './child.ts';

const ANSWER_MS = 60_000;
const BYTES_MAX = 256 * 1024 * 1024;

/** The parts of an assignment, as the API shows it, that are looked at here. */
export interface ShownAssignment {
  readonly metadata: { readonly name: string; readonly labels?: { readonly edit?: string } };
  readonly status: {
    readonly conditions: readonly {
      readonly type: string;
      readonly status: string;
      readonly reason: string;
      readonly message: string;
      readonly observedGeneration?: string;
    }[];
  };
}

/** What the unit gives the program besides its arguments. */
function unitEnvironment(): Record<string, string> {
  const unit = readFileSync('manifests/systemd/xenpci.service', 'utf8');
  const lines = [...unit.matchAll(/^Environment=(.*)$/gm)].flatMap(([, line = '']) => line.split(' '));
  return Object.fromEntries(lines.map(each => [each.slice(0, each.indexOf('=')), each.slice(each.indexOf('=') + 1)]));
}

/** The built program at work in a process of its own, as the unit starts it, and its API. */
export class RunningController {
  readonly #child: ChildProcess;
  readonly #socket: string;

  /** Starts it. @param profile a folder for its processor profile. */
  constructor(root: string, probe: string, profile?: string) {
    const log = openSync(join(root, 'controller.log'), 'a');
    const profiling = profile === undefined ? [] : ['--cpu-prof', '--cpu-prof-dir', profile];
    this.#child = spawn(process.execPath, [...profiling, '--import', probe, PROGRAM, 'run', '--log', 'json'], {
      stdio: ['ignore', log, log, 'ipc'],
      env: { ...process.env, ...unitEnvironment(), XENPCI_ROOT: root },
    });
    this.#socket = socketPath(dom0Layout(root));
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Returns when its first look has ended. */
  async begun(): Promise<void> {
    await ready(this.#child);
    for (;;) {
      const { code } = await this.#answer('/readyz').catch(() => ({ code: 0 }));
      if (code === 200) return;
      await wait(100);
    }
  }

  /** Asks the process itself: see probe.ts. */
  async probe<T>(what: string, argument?: string): Promise<T> {
    return (await ask(this.#child, what, argument)) as T;
  }

  /** @returns undefined when there is none of that name. */
  async assignment(name: string): Promise<ShownAssignment | undefined> {
    const { code, text } = await this.#answer(`/v1/assignments/${name}`);
    return code === 200 ? (JSON.parse(text) as ShownAssignment) : undefined;
  }

  async assignments(): Promise<readonly ShownAssignment[]> {
    return JSON.parse((await this.#answer('/v1/assignments')).text).items;
  }

  /** How many steps are planned now, and how many devices wait for something else. */
  async left(): Promise<{ readonly steps: number; readonly holds: number; readonly problems: number }> {
    const { status } = JSON.parse((await this.#answer('/v1/plan')).text);
    return { steps: status.steps.length, holds: status.holds.length, problems: status.problems.length };
  }

  /** The value of a metric with these labels, as it is written. */
  async metric(name: string): Promise<number> {
    const { text } = await this.#answer('/metrics');
    const line = text.split('\n').find(each => each.startsWith(`${name} `));
    return line === undefined ? 0 : Number(line.slice(name.length));
  }

  /** Asks it to end, and returns when it has. */
  async stop(): Promise<void> {
    await ended(this.#child);
  }

  #answer(path: string): ReturnType<typeof answered> {
    return answered(this.#socket, path, AbortSignal.timeout(ANSWER_MS), BYTES_MAX);
  }
}
