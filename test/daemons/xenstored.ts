import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';

/** The two implementations that Debian ships. */
export type DaemonName = 'xenstored' | 'oxenstored';

/** An unmodified xenstored or oxenstored that serves a socket of its own, without a hypervisor. */
export class Xenstored {
  readonly socketPath: string;
  readonly #name: DaemonName;
  readonly #folder: string;
  #process: ChildProcess | undefined;

  private constructor(name: DaemonName, folder: string) {
    this.#name = name;
    this.#folder = folder;
    this.socketPath = join(folder, 'socket');
  }

  /** Starts a daemon in a folder of its own. @throws when it, or the compiler for the preloaded library, is missing */
  static async start(name: DaemonName): Promise<Xenstored> {
    const daemon = new Xenstored(name, mkdtempSync(join(tmpdir(), `${name}-`)));
    try {
      const source = resolve('test/daemons/xenstored-without-xen.c');
      execFileSync('gcc', ['-Wall', '-shared', '-fPIC', '-o', daemon.#inFolder('without-xen.so'), source, '-ldl']);
      await daemon.restart();
    } catch (error) {
      await daemon.stop();
      throw error;
    }
    return daemon;
  }

  /** Starts the daemon again after {@link kill}, with an empty store; resolves when clients may connect. */
  async restart(): Promise<void> {
    const child = spawn(findDaemon(this.#name), this.#arguments(), {
      env: {
        ...process.env,
        LD_PRELOAD: this.#inFolder('without-xen.so'),
        XENSTORED_RUNDIR: this.#folder,
        XENSTORED_SOCKET: this.socketPath,
      },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.#process = child;
    const output: string[] = [];
    for await (const line of createInterface(child.stderr)) {
      if (line === 'listening') {
        child.stderr.resume();
        return;
      }
      output.push(line);
    }
    throw new Error(`${this.#name} ended before it listened:\n${output.join('\n')}`);
  }

  /** Stops or continues the daemon: meanwhile requests reach its socket and stay there. */
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.#process?.kill(signal);
  }

  /** Kills the daemon as `kill -9` does; resolves when it is gone. */
  async kill(): Promise<void> {
    const child = this.#process;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  }

  /** Kills the daemon and removes its folder. */
  async stop(): Promise<void> {
    await this.kill();
    rmSync(this.#folder, { recursive: true });
  }

  #inFolder(name: string): string {
    return join(this.#folder, name);
  }

  #arguments(): string[] {
    if (this.#name === 'xenstored') return ['--no-fork', '--pid-file', this.#inFolder('pid')];
    const config = this.#inFolder('oxenstored.conf');
    const settings = {
      persistent: 'false',
      'pid-file': this.#inFolder('pid'),
      'xenstored-log-file': this.#inFolder('log'),
      'access-log-file': this.#inFolder('access-log'),
      'xenstored-port': '/proc/xen/xsd_port',
      'xenstored-kva': '/proc/xen/xsd_kva',
    };
    writeFileSync(
      config,
      Object.entries(settings)
        .map(([name, value]) => `${name} = ${value}\n`)
        .join(''),
    );
    return ['--no-fork', '--config-file', config];
  }
}

function findDaemon(name: DaemonName): string {
  const path = readdirSync('/usr/lib')
    .filter(folder => folder.startsWith('xen-'))
    .map(folder => `/usr/lib/${folder}/bin/${name}`)
    .find(candidate => existsSync(candidate));
  if (path === undefined) throw new Error(`${name} is not installed: run test/daemons/install`);
  return path;
}
