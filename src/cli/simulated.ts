import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startSimulatedDom0 } from '../simulator/index.ts';
import type { Globals } from './context.ts';
import { CliError, ExitCode } from './exit.ts';
import { shipped } from './shipped.ts';
import { Screen } from './terminal/screen.ts';
import type { Shell } from './terminal/shell.ts';

/** The path of a unix socket has room for 107 bytes, and the simulated dom0 puts its sockets some 30 below its root. */
const TEMPORARY_LENGTH_MAX = 60;

export interface SimulatedOptions {
  /** What was asked for: where it was `auto`, the first line says why this is not the real host. */
  readonly asked: 'simulated' | 'auto' | 'real';
  readonly log: 'text' | 'json';
}

/**
 * Starts a simulated dom0 in a new temporary folder, lets `run` work on it, and removes it. Without `--manifests` the
 * samples of the package are what is desired.
 * @throws {CliError} when there are no samples.
 */
export async function withSimulatedHost(
  shell: Shell,
  asked: Globals,
  options: SimulatedOptions,
  run: (globals: Globals) => Promise<ExitCode>,
): Promise<ExitCode> {
  const manifests = asked.manifestsGiven ? asked.manifests : samplesOf(shell.program);
  // Held until the folder is gone: the first signal must not end the process before that.
  let stopped = false;
  const release = shell.onStop(() => {
    stopped = true;
  });
  const base = tmpdir().length > TEMPORARY_LENGTH_MAX ? '/tmp' : tmpdir();
  const root = await mkdtemp(join(base, 'xenpci-'));
  try {
    const dom0 = await startSimulatedDom0({ root });
    try {
      if (options.log === 'text') showHeader(shell, { root, manifests, asked: options.asked });
      return stopped ? ExitCode.ok : await run({ layout: dom0.layout, manifests, manifestsGiven: true });
    } finally {
      await dom0.stop();
    }
  } finally {
    await rm(root, { recursive: true, force: true });
    release();
  }
}

/** @throws {CliError} when they were not copied along with the program. */
function samplesOf(program: string): string {
  const found = shipped(program, 'manifests/samples');
  if (found !== undefined) return found;
  throw new CliError('the samples do not lie beside this program; give a folder with --manifests');
}

function showHeader(
  shell: Shell,
  { root, manifests, asked }: { root: string; manifests: string; asked: SimulatedOptions['asked'] },
): void {
  const screen = new Screen(shell.stdout, shell);
  const why = asked === 'auto' ? 'There is no Xen on this machine, so this' : 'This';
  screen.prose(`${why} is a simulated dom0. Nothing of this machine is touched.`);
  screen.line();
  screen.whole(`Manifests:  ${manifests}`);
  screen.line('            Edit one while this runs, and a device moves. Ctrl-C ends it.');
  screen.line('Look at it from another shell:');
  for (const look of ['get devices', 'describe assignment sys-net']) {
    screen.whole(`            XENPCI_ROOT=${root} node ${shell.program} ${look}`);
  }
  screen.line();
}
