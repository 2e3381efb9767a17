import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * Debian's libvirtd on a socket of its own, for its built-in test driver. Without systemd, D-Bus or a hypervisor: its
 * loadable drivers are hidden from it, because some of them end it where their users and services are missing.
 */
export class Libvirtd {
  readonly socketPath: string;
  readonly #folder: string;
  #process: ChildProcess | undefined;
  #ended: Promise<unknown> = Promise.resolve();

  private constructor(folder: string) {
    this.#folder = folder;
    this.socketPath = join(folder, 'libvirt-sock');
  }

  /** Starts a daemon in a folder of its own. @throws when it is missing or ends at once */
  static async start(): Promise<Libvirtd> {
    const daemon = new Libvirtd(mkdtempSync(join(tmpdir(), 'libvirtd-')));
    mkdirSync(join(daemon.#folder, 'no-drivers'));
    const settings = [
      `unix_sock_dir = "${daemon.#folder}"`,
      'auth_unix_ro = "none"',
      'auth_unix_rw = "none"',
      'listen_tls = 0',
      'keepalive_interval = 1',
      'keepalive_count = 1',
      'log_outputs = "3:stderr"',
    ];
    writeFileSync(join(daemon.#folder, 'libvirtd.conf'), `${settings.join('\n')}\n`);
    await daemon.restart();
    return daemon;
  }

  /** Starts the daemon, again after `kill`; resolves when it has put its socket into place. */
  async restart(): Promise<void> {
    rmSync(this.socketPath, { force: true });
    const { config, pidFile } = { config: join(this.#folder, 'libvirtd.conf'), pidFile: join(this.#folder, 'pid') };
    const child = spawn('/usr/sbin/libvirtd', ['--config', config, '--pid-file', pidFile], {
      env: { ...process.env, LIBVIRT_DRIVER_DIR: join(this.#folder, 'no-drivers') },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.#process = child;
    await once(child, 'spawn');
    this.#ended = once(child, 'exit');
    const output: Buffer[] = [];
    child.stderr.on('data', chunk => output.push(chunk));
    const failed = this.#ended.then(() => {
      throw new Error(`libvirtd ended:\n${Buffer.concat(output).toString()}`);
    });
    await Promise.race([failed, listening(this.socketPath)]);
    failed.catch(() => undefined);
  }

  /** Stops or continues the daemon: meanwhile calls reach its socket and stay there. */
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.#process?.kill(signal);
  }

  /** Ends the daemon as by kill -9. */
  async kill(): Promise<void> {
    this.#process?.kill('SIGKILL');
    await this.#ended;
  }

  /** Ends the daemon and removes its folder. */
  async stop(): Promise<void> {
    await this.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** Resolves when something accepts connections at `socketPath`. */
async function listening(socketPath: string): Promise<void> {
  for (;;) {
    const socket = connect(socketPath);
    const accepted = await new Promise<boolean>(resolve => {
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    });
    socket.destroy();
    if (accepted) return;
    await new Promise(resolve => setTimeout(resolve, 20));
  }
}
