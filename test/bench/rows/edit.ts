import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, renameSync, rmSync, watch, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { QUIET_MS } from '../../../src/source/quiet.ts';
import { hostdevOf, manifestOf } from '../manifest.ts';
import { type Line, measure } from '../measure.ts';
import type { Row } from '../row.ts';
import { BenchController, BenchHost } from '../simulated.ts';

const ROUNDS = 40;
const VIRSH = '/usr/bin/virsh';
const CARD = '0000:01:00.0';
/** ms between two edits: the looks that the last one has set off are over by then. */
const REST = 400;

/** What the shell script looks at, ms. */
const POLL = 100;

/** How soon after a manifest is saved the host is told to do something. */
export const edit: Row = {
  name: 'edit',
  title: 'file saved to first host command, on the simulated dom0',
  async measure() {
    const host = await BenchHost.start(undefined, { operations: {}, settle: 10 });
    try {
      host.save('sys-net.yaml', manifestOf('sys-net', []));
      const controller = new BenchController(host);
      try {
        await controller.logged(({ event }) => event === 'Ready');
        return [await line(host, controller)];
      } finally {
        await controller.end();
      }
    } finally {
      await host.end();
    }
  },
};

async function line(host: BenchHost, controller: BenchController): Promise<Line> {
  const saver = new WatchedFile();
  const peer = existsSync(VIRSH) ? await ShellLoop.start() : undefined;
  try {
    return await measure({
      what: `manifest saved → first host command, beyond the ${QUIET_MS} ms for which nobody may have touched it`,
      run: savedToCommand(host, controller),
      floor: { name: "the file system's event alone", run: () => saver.saved() },
      ...(peer === undefined
        ? {}
        : { peer: { name: `a shell loop that runs \`virsh\`, every ${POLL} ms`, run: () => peer.saved() } }),
      unit: 'ms',
      rounds: ROUNDS,
      goal: { value: 20, p99: 50 },
      ...(peer === undefined
        ? { note: 'the peer, a shell loop of virsh, is absent: libvirt-clients is not installed' }
        : {}),
    });
  } finally {
    saver.close();
    await peer?.end();
  }
}

/** Gives the card, and takes it away the next time. */
function savedToCommand(host: BenchHost, controller: BenchController): () => Promise<number> {
  let given = false;
  return async () => {
    given = !given;
    await pause(REST);
    const command = host.nextCommand();
    const at = host.save('sys-net.yaml', manifestOf('sys-net', given ? [CARD] : []));
    const ms = (await command) - at - QUIET_MS;
    const last = given ? 'attach' : 'detach';
    await controller.logged(({ event, step }) => event === 'StepPerformed' && step?.verb === last);
    return ms;
  };
}

/** A file that is replaced, and a bare watch of its folder. */
class WatchedFile {
  readonly #folder = mkdtempSync(join(tmpdir(), 'bench-'));
  readonly #watcher = watch(this.#folder);

  async saved(): Promise<number> {
    writeFileSync(join(this.#folder, 'new'), 'x');
    await pause(REST);
    const told = once(this.#watcher, 'change');
    const at = performance.now();
    renameSync(join(this.#folder, 'new'), join(this.#folder, 'file'));
    await told;
    return performance.now() - at;
  }

  close(): void {
    this.#watcher.close();
    rmSync(this.#folder, { recursive: true });
  }
}

/** What people write instead: a loop that takes what is put into a folder and gives it to virsh. */
class ShellLoop {
  readonly #host: BenchHost;
  readonly #shell: ChildProcess;

  private constructor(host: BenchHost, shell: ChildProcess) {
    this.#host = host;
    this.#shell = shell;
  }

  static async start(): Promise<ShellLoop> {
    const host = await BenchHost.start(undefined, { operations: {}, settle: 10 });
    const { manifests, libvirtSocket } = host.dom0.layout;
    const script = `while sleep ${POLL / 1000}; do
  mv "$1/card.xml" "$1/taken" 2>/dev/null || continue
  virsh -q -c "xen+unix:///system?socket=$2" attach-device sys-net "$1/taken" --config
done`;
    const shell = spawn('sh', ['-c', script, 'sh', manifests, libvirtSocket], { stdio: 'ignore' });
    return new ShellLoop(host, shell);
  }

  async saved(): Promise<number> {
    await pause(REST);
    const command = this.#host.nextCommand();
    const at = this.#host.save('card.xml', hostdevOf(CARD));
    return (await command) - at;
  }

  async end(): Promise<void> {
    const ended = once(this.#shell, 'exit');
    this.#shell.kill();
    await ended;
    await this.#host.end();
  }
}
