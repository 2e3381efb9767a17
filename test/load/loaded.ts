import { fork } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { dom0Layout } from '../../src/api/layout.ts';
import { ask, ended, ready } from './child.ts';
import { RunningController } from './controller.ts';
import { type Followed, Follower, Manifests } from './editing.ts';
import { differences, type Truth, untilAtRest } from './final.ts';
import { type IdlePair, idle } from './idle.ts';
import { POLICY_TEXT } from './manifests.ts';
import type { Options } from './options.ts';
import { machineLoad, usedBy } from './processes.ts';
import { liveHeap, type MemorySample, memoryNow, slopeOf } from './samples.ts';
import { guestsOf } from './world.ts';

/** What was measured of one world. */
export interface Loaded {
  readonly domains: number;
  readonly devices: number;
  readonly minutes: number;
  /** Edits a second. */
  readonly edits: number;
  /** From the program's start to its first look, and to a host that is as the manifests say, ms. */
  readonly firstLookMs: number;
  readonly firstRestMs: number;
  readonly followed: Followed;
  /** After the last edit until nothing was left to do, ms. */
  readonly lastRestMs: number;
  /** What was not as the manifests say in the end. */
  readonly differences: readonly string[];
  readonly passes: number;
  readonly failedPasses: number;
  readonly steps: number;
  /** Writes of the guest that stormed. */
  readonly stormWrites: number;
  /** Share of one processor while files were edited, %. */
  readonly processor: number;
  readonly loopDelayMs: { readonly p50: number; readonly p99: number; readonly max: number };
  readonly memory: readonly MemorySample[];
  /** Growth of resident memory in the second half, MiB a minute. */
  readonly slope: number;
  /** In use after a collection: before the first edit, at each minute, and after the last one, MiB. */
  readonly liveHeap: { readonly before: number; readonly minutes: readonly number[]; readonly after: number };
  readonly idle?: IdlePair;
  readonly machineLoad: number;
}

/** The guest storms in these parts of the time. */
const STORMS: readonly (readonly [number, number])[] = [
  [0.2, 0.35],
  [0.6, 0.75],
];
const SAMPLE_MS = 1_000;
const REST_LIMIT_MS = 900_000;
const CHILD = { far: 'far-side.mjs', storm: 'storm.mjs', probe: 'probe.mjs' } as const;

/** @param folder where this program and its children are. */
export async function loaded(domains: number, options: Options, folder: string): Promise<Loaded> {
  // Not the temporary folder of the environment: a socket's path has little room.
  const root = mkdtempSync('/tmp/xenpci-load-');
  if (options.profile !== undefined) mkdirSync(options.profile, { recursive: true });
  const layout = dom0Layout(root);
  const folders = { manifests: layout.manifests, staging: join(root, 'etc/xenpci/staging') };
  for (const each of Object.values(folders)) mkdirSync(each, { recursive: true });
  const guests = guestsOf(domains);
  const manifests = new Manifests(guests, folders);
  writeFileSync(join(folders.manifests, 'policy.yaml'), POLICY_TEXT);
  const far = fork(join(folder, CHILD.far), [root, String(domains)]);
  await ready(far);
  let controller: RunningController | undefined;
  try {
    const began = performance.now();
    controller = new RunningController(root, join(folder, CHILD.probe), options.profile);
    await controller.begun();
    const firstLookMs = performance.now() - began;
    await untilAtRest(controller, REST_LIMIT_MS);
    const firstRestMs = performance.now() - began;
    say(`first look after ${seconds(firstLookMs)}, at rest after ${seconds(firstRestMs)}`);
    const before = await liveHeap(controller);
    const truth = (): Promise<Truth> => ask(far, 'truth') as Promise<Truth>;
    const { domids } = await truth();
    const storm = { path: join(folder, CHILD.storm), socket: layout.xenstoreSocket, domid: domids['guest-0000'] ?? 0 };
    const edits = Math.min(options.edits, domains);
    const { live, ...part } = await underLoad(controller, manifests, { edits, minutes: options.minutes, storm });
    const lastRestMs = await untilAtRest(controller, REST_LIMIT_MS);
    const wrong = await differences(controller, manifests, guests, await truth());
    const after = await liveHeap(controller);
    const load = machineLoad();
    if (options.profile !== undefined)
      await controller.probe('snapshot', join(options.profile, `${domains}.heapsnapshot`));
    const rest = options.idleMinutes === 0 ? {} : { idle: await idle(controller, options.idleMinutes) };
    const head = { domains, devices: 2 * domains, minutes: options.minutes, edits, firstLookMs, firstRestMs };
    return {
      ...head,
      ...part,
      lastRestMs,
      differences: wrong,
      liveHeap: { before, minutes: live, after },
      ...rest,
      machineLoad: load,
    };
  } finally {
    await controller?.stop();
    await ask(far, 'stop');
    await ended(far);
    rmSync(root, { recursive: true, force: true });
  }
}

interface Plan {
  readonly edits: number;
  readonly minutes: number;
  readonly storm: { readonly path: string; readonly socket: string; readonly domid: number };
}

type UnderLoad = Pick<
  Loaded,
  'followed' | 'passes' | 'failedPasses' | 'steps' | 'stormWrites' | 'processor' | 'loopDelayMs' | 'memory' | 'slope'
> & { readonly live: readonly number[] };

async function underLoad(controller: RunningController, manifests: Manifests, plan: Plan): Promise<UnderLoad> {
  const counts = (): Promise<number[]> => Promise.all(COUNTERS.map(each => sumOf(controller, each)));
  const first = await counts();
  const used = usedBy(controller.pid);
  await controller.probe('watchLoop');
  const follower = new Follower(controller);
  const ending = new AbortController();
  const following = follower.follow(ending.signal);
  const memory: MemorySample[] = [];
  const waiting: number[] = [];
  const live: number[] = [];
  const began = performance.now();
  const durationMs = plan.minutes * 60_000;
  const [, stormWrites] = await Promise.all([
    edit(manifests, follower, { edits: plan.edits, began, durationMs }),
    storms(plan.storm, began, durationMs),
    sample(async () => {
      memory.push(await memoryNow(controller, began));
      waiting.push(follower.waiting);
      if (performance.now() - began > (live.length + 1) * 60_000) live.push(await liveHeap(controller));
    }, began + durationMs),
  ]);
  const elapsedMs = performance.now() - began;
  const processor = (100 * (usedBy(controller.pid).processorMs - used.processorMs)) / elapsedMs;
  const loopDelayMs = await controller.probe<Loaded['loopDelayMs']>('loopDelay');
  await Promise.race([seenAll(follower), following]);
  ending.abort();
  await following;
  const [passes = 0, failedPasses = 0, steps = 0] = (await counts()).map((count, index) => count - (first[index] ?? 0));
  const rest = { processor, loopDelayMs, memory, slope: slopeOf(memory), live };
  return { followed: follower.result(waiting), passes, failedPasses, steps, stormWrites, ...rest };
}

const COUNTERS = [
  ['xenpci_passes_total{result="looked"}'],
  ['xenpci_passes_total{result="failed"}'],
  ['attach', 'detach', 'bind', 'release', 'configure'].map(
    verb => `xenpci_steps_total{verb="${verb}",result="performed"}`,
  ),
];

async function sumOf(controller: RunningController, names: readonly string[]): Promise<number> {
  const values = await Promise.all(names.map(name => controller.metric(name)));
  return values.reduce((sum, value) => sum + value, 0);
}

async function edit(
  manifests: Manifests,
  follower: Follower,
  { edits, began, durationMs }: { edits: number; began: number; durationMs: number },
): Promise<void> {
  const count = Math.round((durationMs / 1000) * edits);
  for (let number = 1; number <= count; number += 1) {
    const due = began + (number * 1000) / edits;
    if (due > performance.now()) await wait(due - performance.now());
    follower.add(manifests.edit(number));
  }
}

async function storms({ path, socket, domid }: Plan['storm'], began: number, durationMs: number): Promise<number> {
  let writes = 0;
  for (const [from, to] of STORMS) {
    await wait(Math.max(0, began + from * durationMs - performance.now()));
    const guest = fork(path, [socket, String(domid)]);
    await ready(guest);
    await wait(Math.max(0, began + to * durationMs - performance.now()));
    writes += ((await ask(guest, 'stop')) as { writes: number }).writes;
    await ended(guest);
  }
  return writes;
}

async function sample(take: () => Promise<void>, until: number): Promise<void> {
  while (performance.now() < until) {
    await take();
    await wait(SAMPLE_MS);
  }
}

/** @throws when an edit is not seen in time: then it was lost. */
async function seenAll(follower: Follower): Promise<void> {
  const began = performance.now();
  while (follower.waiting + follower.moving > 0) {
    if (performance.now() - began > REST_LIMIT_MS) throw new Error(`${follower.waiting} edits were never seen`);
    await wait(100);
  }
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}
