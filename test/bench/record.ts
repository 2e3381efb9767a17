import { readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import type { Line } from './measure.ts';
import { ratioText, valueText } from './table.ts';

/** The lines of one row. */
export interface MeasuredRow {
  readonly name: string;
  readonly title: string;
  readonly lines: readonly Line[];
}

/** One run of the benchmarks, as it is kept. */
export interface Run {
  /** When, as an ISO date. */
  readonly date: string;
  readonly node: string;
  readonly processors: string;
  /** On what, where that is not this machine alone, such as `Xen 4.17 in an emulator`. */
  readonly where?: string;
  readonly rows: readonly MeasuredRow[];
  /** Rows that could not be measured, and why. */
  readonly left: readonly { readonly name: string; readonly why: string }[];
}

/** A run that has just begun, on this machine. */
export function newRun(now: Date): Run {
  const all = cpus();
  const processors = `${all.length} × ${all[0]?.model.trim() ?? 'unknown'}`;
  return { date: now.toISOString(), node: process.version, processors, rows: [], left: [] };
}

export function writeRun(path: string, run: Run): void {
  writeFileSync(path, `${JSON.stringify(run, null, 2)}\n`);
}

/** @throws when there is none. */
export function readRun(path: string): Run {
  return JSON.parse(readFileSync(path, 'utf8')) as Run;
}

/** Puts the rows of a new run in place of those of an earlier one, and keeps the others. */
export function merged(before: Run, now: Run): Run {
  const names = new Set([...now.rows, ...now.left].map(({ name }) => name));
  const keep = <T extends { readonly name: string }>(rows: readonly T[]): T[] =>
    rows.filter(({ name }) => !names.has(name));
  return { ...now, rows: [...keep(before.rows), ...now.rows], left: [...keep(before.left), ...now.left] };
}

/** What has become of each line that both runs have. */
export function comparison(before: Run, now: Run): string[] {
  const earlier = new Map(before.rows.flatMap(({ lines }) => lines).map(line => [line.what, line]));
  return now.rows
    .flatMap(({ lines }) => lines)
    .flatMap(line => {
      const old = earlier.get(line.what);
      if (old === undefined) return [];
      const sides = (['peer', 'floor'] as const).flatMap(side => {
        const [was, is] = [old[side], line[side]];
        return was === undefined || is === undefined
          ? []
          : [`${ratioText(was.ratio)} → ${ratioText(is.ratio)} ${is.name}`];
      });
      const values = `${valueText(old.own.median, old.unit)} → ${valueText(line.own.median, line.unit)}`;
      return [`${line.what}: ${[values, ...sides].join('; ')}`];
    });
}
