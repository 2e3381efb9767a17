import { threeDigits } from '../bench/plain-table.ts';
import { quantile } from '../bench/samples.ts';
import type { IdlePair } from './idle.ts';
import type { Loaded } from './loaded.ts';

/** One run, as it is kept. */
export interface Run {
  /** When, as an ISO date. */
  readonly date: string;
  readonly node: string;
  readonly processors: string;
  readonly worlds: readonly Loaded[];
}

type Row = readonly [what: string, value: (world: Loaded) => string];

const ROWS: readonly Row[] = [
  ['load', ({ edits, minutes }) => `${edits} edits a second for ${threeDigits(minutes)} minutes`],
  ['edits', ({ followed }) => String(followed.saved)],
  ['… whose content a status named', ({ followed }) => String(followed.seenMs.length)],
  ['… of files that were edited again before that', ({ followed }) => String(followed.overtaken)],
  ['… lost', ({ followed: { saved, seenMs, overtaken } }) => String(saved - seenMs.length - overtaken)],
  ['not as the manifests say in the end', world => String(world.differences.length)],
  ['file renamed to a status that names its content: p50', ({ followed }) => msAt(followed.seenMs, 0.5)],
  ['… p90', ({ followed }) => msAt(followed.seenMs, 0.9)],
  ['… p99', ({ followed }) => msAt(followed.seenMs, 0.99)],
  ['… at most', ({ followed }) => msAt(followed.seenMs, 1)],
  ['… to a device that has moved: p50, p99', ({ followed: f }) => `${msAt(f.movedMs, 0.5)}, ${msAt(f.movedMs, 0.99)}`],
  [
    'edits that wait: middle, most',
    ({ followed: { waiting } }) => `${quantile(waiting, 0.5)}, ${quantile(waiting, 1)}`,
  ],
  ['passes, and those that failed', world => `${world.passes}, ${world.failedPasses}`],
  ['steps taken', world => String(world.steps)],
  ['writes of a guest that storms', world => String(world.stormWrites)],
  ['processor under load, of one', world => `${threeDigits(world.processor)} %`],
  ['event loop late: p50, p99, most', world => loopText(world)],
  [
    'resident at the start, after the load',
    ({ memory }) => `${mib(memory[0]?.resident)}, ${mib(memory.at(-1)?.resident)}`,
  ],
  ['… growth in the second half', world => `${threeDigits(world.slope)} MiB a minute`],
  ['heap in use before, half-way, after the load', ({ liveHeap }) => heapText(liveHeap)],
  ['start to the first look, to rest', world => `${ms(world.firstLookMs)}, ${ms(world.firstRestMs)}`],
  ['at rest: processor, of one', ({ idle }) => idleText(idle, ({ processor }) => `${threeDigits(processor)} %`)],
  ['at rest: begins to work', ({ idle }) => idleText(idle, ({ bursts }) => `${threeDigits(bursts)} a minute`)],
  ['at rest: threads woken', ({ idle }) => idleText(idle, ({ wakeUps }) => `${threeDigits(wakeUps)} a minute`)],
  ['at rest: resident', ({ idle }) => idleText(idle, ({ resident }) => mib(resident))],
  [
    '… beside bare node',
    ({ idle }) => (idle === undefined ? '' : `${threeDigits(idle.own.resident / idle.floor.resident)} ×`),
  ],
  ['load of the machine after the edits', world => threeDigits(world.machineLoad)],
];

/** A run as a table of Markdown: a row for each value, a column for each world. */
export function markdownTable({ worlds }: Run): string {
  const heads = worlds.map(({ domains, devices }) => `${domains} domains, ${devices} devices`);
  const rows = ROWS.map(([what, value]) => [what, ...worlds.map(value)]);
  const all = [['what', ...heads], ['---', ...heads.map(() => '---')], ...rows];
  return all.map(cells => `| ${cells.join(' | ')} |`).join('\n');
}

function heapText({ before, minutes, after }: Loaded['liveHeap']): string {
  return [before, minutes[Math.floor((minutes.length - 1) / 2)], after].map(mib).join(', ');
}

function loopText({ loopDelayMs: { p50, p99, max } }: Loaded): string {
  return [p50, p99, max].map(ms).join(', ');
}

function idleText(idle: IdlePair | undefined, text: (one: IdlePair['own']) => string): string {
  return idle === undefined ? 'not measured' : `${text(idle.own)}; bare node ${text(idle.floor)}`;
}

function msAt(times: readonly number[], part: number): string {
  return times.length === 0 ? 'none' : ms(quantile(times, part));
}

function ms(value: number): string {
  return value < 10_000 ? `${threeDigits(value)} ms` : `${threeDigits(value / 1000)} s`;
}

function mib(value: number | undefined): string {
  return value === undefined ? 'not measured' : `${threeDigits(value)} MiB`;
}
