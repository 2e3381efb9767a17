import { spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { ErrorCode } from '../../node-libvirt/index.ts';
import { LibvirtRefusal } from '../model/refusal.ts';

/** When libvirtd calls its hooks; `begin` before and `end` after it. */
export type HookPhase = 'prepare' | 'start' | 'started' | 'stopped' | 'release' | 'reconnect';

/**
 * libvirtd's hooks: `hooks/libxl` and every program in `hooks/libxl.d`. It looks whether there are any when it starts,
 * and never again; which ones there are it sees at each call (seen on Xen 4.17, libvirt 9.0).
 */
export class Hooks {
  readonly #folder: string;
  #seen = false;

  /** @param folder `/etc/libvirt/hooks` of the simulated dom0. */
  constructor(folder: string) {
    this.#folder = folder;
  }

  /** The daemon starts. */
  look(): void {
    this.#seen = existsSync(join(this.#folder, 'libxl')) || existsSync(join(this.#folder, 'libxl.d'));
  }

  /**
   * Calls them one after the other, with the definition on standard input.
   * @throws {LibvirtRefusal} with what the first one wrote that did not end with 0.
   */
  async call(domain: string, phase: HookPhase, xml: string): Promise<void> {
    if (!this.#seen) return;
    const subphase = phase === 'stopped' || phase === 'release' ? 'end' : 'begin';
    for (const program of this.#programs()) await runHook(program, [domain, phase, subphase, '-'], xml);
  }

  #programs(): string[] {
    const single = join(this.#folder, 'libxl');
    const folder = join(this.#folder, 'libxl.d');
    const several = existsSync(folder) ? readdirSync(folder).sort() : [];
    return [...(existsSync(single) ? [single] : []), ...several.map(name => join(folder, name))];
  }
}

/** What libvirtd gives its hooks, and nothing else. */
const ENVIRONMENT = {
  HOME: '/root',
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  LC_ALL: 'C',
};
/** Characters of a hook's words that end up in the error. */
const WORDS_MAX = 4096;

function runHook(program: string, args: readonly string[], xml: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd: '/', env: ENVIRONMENT, stdio: ['pipe', 'ignore', 'pipe'] });
    let words = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      words = (words + text).slice(0, WORDS_MAX);
    });
    // One that does not read its input is none the worse.
    child.stdin.on('error', () => undefined).end(xml);
    child.once('error', error => reject(failed(error.message)));
    child.once('close', code => {
      if (code === 0) resolve();
      else
        reject(
          failed(
            `internal error: Child process (${[program, ...args].join(' ')}) unexpected exit status ${code}: ${words}`,
          ),
        );
    });
  });
}

function failed(words: string): LibvirtRefusal {
  return new LibvirtRefusal(ErrorCode.hookScriptFailed, `Hook script execution failed: ${words}`);
}
