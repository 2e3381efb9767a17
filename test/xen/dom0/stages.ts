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
  /** Dom0 is rebooted before it. */
  readonly afterReboot?: true;
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
      if (stage.afterReboot === true) return await rebootFor(n);
    }
    if (!(await play(id, stage))) break;
  }
  emit({ type: 'finished' });
}

async function play(id: string, { deadline, body }: Stage): Promise<boolean> {
  const since = performance.now();
  const error = await inTest(id, () => failureOf(() => within('the stage', deadline, body)));
  const ms = Math.round(performance.now() - since);
  if (error !== undefined) await writeDiagnosis(id, error);
  emit({ type: 'ended', test: id, ms, ...(error === undefined ? {} : { error }) });
  return error === undefined;
}

/** systemd ends this program on the way down, and starts it again on the way up. */
async function rebootFor(stage: number): Promise<void> {
  mkdirSync(dirname(REBOOTED_FOR), { recursive: true });
  writeFileSync(REBOOTED_FOR, String(stage), { flush: true });
  await succeed('systemctl', ['reboot']);
}

function rebootedFor(): number | undefined {
  return existsSync(REBOOTED_FOR) ? Number(readFileSync(REBOOTED_FOR, 'utf8')) : undefined;
}
