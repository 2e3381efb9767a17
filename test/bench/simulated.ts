import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { controlSocket, type Operation, type SimulatedDom0, startSimulatedDom0 } from '../../src/simulator/index.ts';
import type { World } from '../../src/simulator/model/world.ts';
import { PROGRAM } from './program.ts';

/** How long a simulated host takes, ms. */
export interface Latencies {
  readonly operations: Partial<Readonly<Record<Operation, number>>>;
  /** Until guests have answered an attach, at most. */
  readonly settle: number;
}

/** A line of the controller's log. */
export interface LogLine {
  readonly event?: string;
  readonly step?: { readonly verb: string };
}

/** A simulated dom0 of this process. */
export class BenchHost {
  readonly dom0: SimulatedDom0;
  #onCommand: (at: number) => void = () => undefined;

  private constructor(dom0: SimulatedDom0) {
    this.dom0 = dom0;
    const { faults } = dom0;
    const take = faults.take.bind(faults);
    faults.take = (operation, device) => {
      if (operation !== 'look') this.#onCommand(performance.now());
      return take(operation, device);
    };
  }

  static async start(world: World | undefined, { operations, settle }: Latencies): Promise<BenchHost> {
    // Not the temporary folder of the environment: a socket's path has little room.
    const root = mkdtempSync('/tmp/xenpci-');
    const known = world === undefined ? {} : { world };
    const dom0 = await startSimulatedDom0({ root, ...known, latencyMs: 0, settleMs: settle });
    for (const [operation, delayMs] of Object.entries(operations) as [Operation, number][]) {
      dom0.faults.add({ operation, delayMs, times: Number.MAX_SAFE_INTEGER });
    }
    mkdirSync(dom0.layout.manifests, { recursive: true });
    writeFileSync(dom0.layout.xl, quickXl(controlSocket(dom0.layout)));
    chmodSync(dom0.layout.xl, 0o755);
    return new BenchHost(dom0);
  }

  /** Writes a manifest as careful tools do, in one move. @returns when, by `performance.now()`. */
  save(name: string, text: string): number {
    const { manifests } = this.dom0.layout;
    writeFileSync(join(manifests, `.${name}.new`), text);
    const at = performance.now();
    renameSync(join(manifests, `.${name}.new`), join(manifests, name));
    return at;
  }

  /** Resolves with the moment, by `performance.now()`, at which the host is given the next command that changes it. */
  nextCommand(): Promise<number> {
    return new Promise(resolve => {
      this.#onCommand = resolve;
    });
  }

  async end(): Promise<void> {
    await this.dom0.stop();
    rmSync(this.dom0.layout.root, { recursive: true, force: true });
  }
}

/** `xenpci run` for a simulated host, in a process of its own. */
export class BenchController {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  constructor({ dom0 }: BenchHost) {
    const args = [PROGRAM, '--root', dom0.layout.root, 'run', '--log', 'json'];
    this.#child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    const output = this.#child.stdout;
    if (output === null) throw new Error('no output');
    this.#lines = createInterface(output)[Symbol.asyncIterator]();
  }

  /** Reads the log until this many lines match. @throws when the controller ends before that. */
  async logged(matches: (line: LogLine) => boolean, count = 1): Promise<void> {
    for (let seen = 0; seen < count; ) {
      const { value, done } = await this.#lines.next();
      if (done === true) throw new Error('the controller has ended');
      if (value.startsWith('{') && matches(JSON.parse(value) as LogLine)) seen += 1;
    }
  }

  async end(): Promise<void> {
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    await ended;
  }
}

/**
 * The simulated `xl` as a program that starts as fast as the real one: the simulator's own is one of Node, whose start is
 * no part of what is measured.
 */
function quickXl(socket: string): string {
  return `#!/usr/bin/perl
use Socket;
my $s;
socket($s, PF_UNIX, SOCK_STREAM, 0) && connect($s, sockaddr_un('${socket}')) or die "xl: $!\\n";
my $argv = join ',', map { s/(["\\\\])/\\\\$1/gr =~ s/\\A|\\z/"/gr } @ARGV;
syswrite $s, qq({"command":"xl","argv":[$argv],"folder":"/"}\\n);
my $answer = <$s>;
my ($status) = $answer =~ /"status":(\\d+)/ or die $answer;
for my $stream (['stdout', *STDOUT], ['stderr', *STDERR]) {
  my ($text) = $answer =~ /"$stream->[0]":"((?:[^"\\\\]|\\\\.)*)"/;
  $text =~ s/\\\\(.)/$1 eq 'n' ? "\\n" : $1 eq 't' ? "\\t" : $1/ge;
  print { $stream->[1] } $text;
}
exit $status;
`;
}
