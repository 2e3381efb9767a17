import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { uptime } from 'node:os';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import type { Dom0Layout } from '../../../src/api/layout.ts';
import type { Line } from '../../../src/daemon/line.ts';
import { KeptTrial } from '../../../src/daemon/trial/kept-trial.ts';
import { bytesHash, decodeTrial, encodeTrial, endOf, type Trial, timeLeft } from '../../../src/daemon/trial/trial.ts';
import { TrialFile, TrialRunsError } from '../../../src/daemon/trial/trial-file.ts';
import { trialOverlays } from '../../../src/daemon/trial/trial-overlay.ts';
import { FolderSource } from '../../../src/source/folder-source.ts';
import { FakeClock } from '../../fake-clock.ts';
import { assignmentYaml } from '../source/manifests.ts';
import { tempLayout } from './temp-layout.ts';

const OLD = assignmentYaml('web', '0000:01:00.0');
const NEW = assignmentYaml('web', '0000:02:00.0');

const TRIAL: Trial = {
  id: 'one',
  folder: '/m',
  path: '/m/web.yaml',
  text: NEW,
  before: bytesHash(OLD),
  by: 'anna',
  until: 1_700_000_000_000,
  bootId: 'boot-1',
  begunUptimeMs: 1_000,
  timeoutMs: 500,
};
const at = (uptimeMs: number, bootId = 'boot-1'): { uptimeMs: number; bootId: string } => ({ uptimeMs, bootId });

describe('how a trial has ended', () => {
  test('by the time of its boot alone', () => {
    const was = bytesHash(OLD);
    expect(endOf(TRIAL, at(1_499), was)).toBeUndefined();
    expect(endOf(TRIAL, at(1_500), was)).toBe('expired');
    expect(endOf(TRIAL, at(1_100, 'boot-2'), was)).toBe('restarted');
    // A record that claims to be from the future was not written in this boot.
    expect(endOf(TRIAL, at(999), was)).toBe('expired');
  });

  test('by what somebody else has made of the file', () => {
    const { before: _, ...fresh } = TRIAL;
    expect(endOf(TRIAL, at(1_100), bytesHash('other'))).toBe('overtaken');
    expect(endOf(TRIAL, at(1_100), undefined)).toBe('overtaken');
    expect(endOf(fresh, at(1_100), undefined)).toBeUndefined();
    expect(endOf(fresh, at(1_100), bytesHash(OLD))).toBe('overtaken');
  });

  test('by whoever kept it, also when nothing but the file says so', () => {
    expect(endOf({ ...TRIAL, end: { how: 'confirmed', by: 'bert' } }, at(1_100), bytesHash(NEW))).toBe('confirmed');
    expect(endOf(TRIAL, at(1_100), bytesHash(NEW))).toBeUndefined();
    expect(endOf(TRIAL, at(9_999), bytesHash(NEW))).toBe('confirmed');
    expect(endOf(TRIAL, at(1, 'boot-2'), bytesHash(NEW))).toBe('confirmed');
  });

  test('its time never grows, and no other boot has any of it', () => {
    fc.assert(
      fc.property(fc.nat(10_000), fc.nat(10_000), fc.boolean(), (one, two, sameBoot) => {
        const [first, then] = [1_000 + Math.min(one, two), 1_000 + Math.max(one, two)];
        const boot = sameBoot ? 'boot-1' : 'boot-2';
        expect(timeLeft(TRIAL, at(then, boot))).toBeLessThanOrEqual(timeLeft(TRIAL, at(first, boot)));
        expect(timeLeft(TRIAL, at(first, boot)) > 0).toBe(sameBoot && first < 1_500);
      }),
    );
  });
});

/** A dom0 with a folder of manifests, in a boot of its own. */
function place(): { layout: Dom0Layout; path: string; file: TrialFile; trial: (more?: Partial<Trial>) => Trial } {
  const layout = tempLayout();
  boot(layout, 'boot-1');
  mkdirSync(layout.manifests, { recursive: true });
  const path = join(layout.manifests, 'web.yaml');
  writeFileSync(path, OLD);
  const now = { begunUptimeMs: uptime() * 1000, timeoutMs: 3_600_000 };
  const trial = (more = {}): Trial => ({ ...TRIAL, ...now, folder: layout.manifests, path, ...more });
  return { layout, path, file: new TrialFile(layout), trial };
}

function boot(layout: Dom0Layout, id: string): void {
  const file = join(layout.procfs, 'sys/kernel/random/boot_id');
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${id}\n`);
}

describe('the record of a trial', () => {
  test('reads what it has written, for its owner alone', async () => {
    const { file, trial } = place();
    expect(await file.load()).toBeUndefined();
    await file.begin(trial());
    expect(await file.load()).toEqual(trial());
    expect(decodeTrial(encodeTrial(trial()))).toEqual(trial());
    expect(statSync(file.path).mode & 0o777).toBe(0o600);
  });

  test.each([
    '',
    '{',
    '{"version":2}',
    encodeTrial(TRIAL).slice(0, 200),
    encodeTrial({ ...TRIAL, timeoutMs: 1e12 }),
    'x'.repeat(9_000_000),
  ])('what cannot be used is in force nowhere, and the next trial takes its place (%#)', async text => {
    const { layout, file, trial } = place();
    mkdirSync(dirname(file.path), { recursive: true });
    writeFileSync(file.path, text);
    await expect(file.load()).rejects.toThrow(/the trial in .* cannot be used/);
    expect(await trialOverlays(layout, layout.manifests).read()).toEqual([]);
    await file.begin(trial());
    expect(await trialOverlays(layout, layout.manifests).read()).toHaveLength(1);
  });

  test('there is one at a time, and a next one when it is over', async () => {
    const { layout, file, trial } = place();
    await file.begin(trial());
    await expect(file.begin(trial({ id: 'two' }))).rejects.toThrow(TrialRunsError);
    const both = await Promise.allSettled([file.end('one', 'bert'), file.end('one', 'carl')]);
    // Whoever has the lock first ends it; the other one is told that it has ended.
    const told = both.map(each => each.status === 'fulfilled' && each.value);
    expect(new Set(told)).toEqual(new Set([undefined, 'reverted']));
    await file.begin(trial({ id: 'two' }));
    boot(layout, 'boot-2');
    await file.begin(trial({ id: 'three', bootId: 'boot-2' }));
    expect((await file.load())?.id).toBe('three');
  });

  test('to keep it writes the file first; what others have changed is neither written nor gone back over', async () => {
    const { file, path, trial } = place();
    const write = async ({ text }: Trial): Promise<void> => writeFileSync(path, text);
    await file.begin(trial());
    expect(await file.end('one', 'bert', write)).toBeUndefined();
    expect(readFileSync(path, 'utf8')).toBe(NEW);
    await file.begin(trial({ id: 'two', before: bytesHash(NEW), text: OLD }));
    writeFileSync(path, 'other');
    expect(await file.end('two', 'bert', write)).toBe('overtaken');
    expect(readFileSync(path, 'utf8')).toBe('other');
  });

  test('a file that cannot be written leaves the trial as it is', async () => {
    const { file, trial } = place();
    await file.begin(trial());
    await expect(file.end('one', 'bert', () => Promise.reject(new Error('no space')))).rejects.toThrow('no space');
    expect(await file.load()).toEqual(trial());
  });
});

/** A controller's source, and what it is told. */
function kept(layout: Dom0Layout) {
  const told: Line[] = [];
  const clock = new FakeClock();
  const trial = new KeptTrial({ layout, folder: layout.manifests, clock, onWatchError: () => undefined });
  trial.onNews(line => told.push(line));
  const source = new FolderSource({ folder: layout.manifests, host: { names: ['a'] }, quietMs: 0, overlays: trial });
  onTestFinished(async () => {
    await source.close();
    await trial.close();
  });
  const wanted = async (): Promise<string | undefined> => {
    const { assignments } = await source.read();
    return assignments[0]?.assignment.spec.devices[0]?.address;
  };
  return {
    source,
    clock,
    wanted,
    events: () => told.map(({ event, fields }) => `${event} ${fields['how'] ?? ''}`.trim()),
  };
}

describe('a trial that a controller keeps', () => {
  test('is in force until its time is up, is told of once, and leaves no record', async () => {
    const { layout, file, trial } = place();
    const { source, wanted, events } = kept(layout);
    expect(await wanted()).toBe('0000:01:00.0');
    await file.begin(trial());
    expect(await wanted()).toBe('0000:02:00.0');
    expect((await source.read()).trial).toEqual({ file: trial().path, by: 'anna', until: '2023-11-14T22:13:20.000Z' });
    writeFileSync(file.path, encodeTrial(trial({ timeoutMs: 1 })));
    expect(await wanted()).toBe('0000:01:00.0');
    expect(await wanted()).toBe('0000:01:00.0');
    expect(events()).toEqual(['TrialBegan', 'TrialReverted expired']);
    await vi.waitFor(async () => expect(await file.load()).toBeUndefined());
  });

  test('wakes its controller when the time is up, although nothing has changed', async () => {
    const { layout, file, trial } = place();
    const { source, clock, wanted } = kept(layout);
    await file.begin(trial());
    await wanted();
    const hints: string[] = [];
    source.onHint(about => hints.push(about));
    await clock.advance(3_600_000 + 100);
    expect(hints).toContain('trial');
  });

  test('of another boot is over at once', async () => {
    const { layout, file, trial } = place();
    await file.begin(trial());
    boot(layout, 'boot-2');
    const { wanted, events } = kept(layout);
    expect(await wanted()).toBe('0000:01:00.0');
    expect(events()).toEqual(['TrialReverted restarted']);
  });

  test('goes on while its record cannot be read, and not after its time', async () => {
    const { layout, file, trial } = place();
    const { wanted, events } = kept(layout);
    await file.begin(trial());
    await wanted();
    writeFileSync(file.path, '{');
    expect(await wanted()).toBe('0000:02:00.0');
    boot(layout, 'boot-2');
    expect(await wanted()).toBe('0000:01:00.0');
    expect(events()).toEqual(['TrialBegan', 'TrialUnusable', 'TrialReverted restarted']);
  });

  test('is over when its record is gone, and a file that is broken meanwhile keeps what was good before the trial', async () => {
    const { layout, file, path, trial } = place();
    const { wanted, source, events } = kept(layout);
    await wanted();
    await file.begin(trial());
    expect(await wanted()).toBe('0000:02:00.0');
    writeFileSync(path, 'kind: [');
    expect(await wanted()).toBe('0000:01:00.0');
    expect((await source.read()).complete).toBe(false);
    writeFileSync(path, OLD);
    await file.begin(trial({ id: 'two' }));
    await wanted();
    rmSync(file.path);
    expect(await wanted()).toBe('0000:01:00.0');
    expect(events()).toEqual(['TrialBegan', 'TrialReverted overtaken', 'TrialBegan', 'TrialReverted reverted']);
  });

  test('a file that the trial brings goes with it, and an empty folder is not an error meanwhile', async () => {
    const { layout, file, path, trial } = place();
    rmSync(path);
    const { before: _, ...fresh } = trial();
    const { wanted, source } = kept(layout);
    await file.begin(fresh);
    expect(await wanted()).toBe('0000:02:00.0');
    expect((await source.read()).problems).toEqual([]);
    await file.end('one', 'bert');
    expect(await wanted()).toBeUndefined();
  });

  test('in another folder is not in force here', async () => {
    const { layout, file, trial } = place();
    await file.begin(trial({ folder: '/elsewhere' }));
    const { wanted } = kept(layout);
    expect(await wanted()).toBe('0000:01:00.0');
    expect(await trialOverlays(layout, layout.manifests).read()).toEqual([]);
  });
});
