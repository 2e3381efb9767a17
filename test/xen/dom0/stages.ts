/** A story in stages: each goes on from where the one before has left dom0, also over a reboot. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { within } from './deadline.ts';
import { succeed } from './exec.ts';
import { emit, failureOf, inTest, writeDiagnosis } from './test.ts';

/** One stage of a story. */
export interface Stage {
  readonly name: string;
  /** ms the body may take. */
  readonly deadline: number;
  /** Dom0 goes down before it, in this way, and comes up again. */
  readonly afterReboot?: () => Promise<void>;
  /** Throws if the stage fails. */
  readonly body: () => Promise<void>;
}

/** The stage that dom0 was rebooted for: on its disk, which outlives that. */
const REBOOTED_FOR = '/var/lib/lab/stage';

/** Plays the stages in order, called once after each boot. What follows a stage that failed is not played, and so fails. */
export async function runStages(file: string, stages: readonly Stage[]): Promise<void> {
  const named = stages.map(stage => ({ id: `${file}: ${stage.name}`, stage }));
  const resumed = rebootedFor();
  if (resumed === undefined) emit({ type: 'selected', tests: named.map(({ id }) => id) });
  for (const [n, { id, stage }] of [...named.entries()].slice(resumed ?? 0)) {
    if (n !== resumed) {
      emit({ type: 'started', test: id, deadline: stage.deadline });
      if (stage.afterReboot !== undefined) {
        if (await goDown(n, id, stage.afterReboot, stage.deadline)) return;
        break;
      }
    }
    if (!(await play(id, stage))) break;
  }
  emit({ type: 'finished' });
}

async function play(id: string, { deadline, body }: Stage): Promise<boolean> {
  const since = performance.now();
  const done = await succeeded(id, () => within('the stage', deadline, body), since);
  if (done) emit({ type: 'ended', test: id, ms: Math.round(performance.now() - since) });
  return done;
}

/** Runs a part of a stage; what it throws is reported, and ends the stage. */
async function succeeded(id: string, part: () => Promise<void>, since = performance.now()): Promise<boolean> {
  const error = await inTest(id, () => failureOf(part));
  if (error === undefined) return true;
  const ms = Math.round(performance.now() - since);
  await writeDiagnosis(id, error);
  emit({ type: 'ended', test: id, ms, error });
  return false;
}

/** This program ends on the way down, and is started again on the way up. @returns false when the way down failed. */
async function goDown(n: number, id: string, way: () => Promise<void>, deadline: number): Promise<boolean> {
  mkdirSync(dirname(REBOOTED_FOR), { recursive: true });
  writeFileSync(REBOOTED_FOR, String(n), { flush: true });
  await succeed('sync', ['-f', REBOOTED_FOR]);
  return await succeeded(id, () => within('the way down', deadline, way));
}

/** The way down that systemd takes. */
export async function orderlyReboot(): Promise<void> {
  await succeed('systemctl', ['reboot']);
}

/** The machine starts anew at this instant: what was not on the disk is lost. */
export function powerCut(): void {
  writeFileSync('/proc/sysrq-trigger', 'b');
}

function rebootedFor(): number | undefined {
  return existsSync(REBOOTED_FOR) ? Number(readFileSync(REBOOTED_FOR, 'utf8')) : undefined;
}
