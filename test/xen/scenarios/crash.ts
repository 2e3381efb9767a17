/** kill -9 of the controller around every step. */
import assert from 'node:assert/strict';
import { becomes, until } from '../dom0/deadline.ts';
import { driverOf, NIC_ID, NICS } from '../dom0/devices.ts';
import { deviceLists, Guest } from '../dom0/guest.ts';
import { assignment } from '../dom0/manifest.ts';
import { Product, writeManifest } from '../dom0/product.ts';
import { type LogLine, logLines } from '../dom0/product-log.ts';
import { note, type Test, test } from '../dom0/test.ts';
import { ToolstackNotes } from '../dom0/toolstack-notes.ts';
import { holderOf } from '../dom0/xenstore.ts';

const [nic] = NICS;

/** One wish, and the steps that fulfil it. */
interface Phase {
  readonly name: string;
  readonly manifest: string;
  readonly plan: readonly string[];
  /** Waits until it is fulfilled, as the guests and dom0 see it. */
  readonly fulfilled: () => Promise<void>;
}

/** When the controller is killed: between steps, in the middle of them, or never. */
type KillAt = 'step performed' | 'toolstack note' | undefined;

async function killedBetweenSteps(): Promise<void> {
  const red = await Guest.start({ name: 'red' });
  const blue = await Guest.start({ name: 'blue' });
  const notes = await ToolstackNotes.record();
  const undisturbed = await round(phases(red, blue), notes, undefined);
  for (const killAt of ['step performed', 'toolstack note'] as const) {
    const consoles = await Promise.all([red.console.sinceNow(), blue.console.sinceNow()]);
    const { changes, lives } = await round(phases(red, blue), notes, killAt);
    note(`killed at each ${killAt}: ${lives} lives`);
    assert.deepEqual(changes, undisturbed.changes, `what the toolstack noted, killed at each ${killAt}`);
    for (const console of consoles) {
      const arrivals = deviceLists(await console.text()).filter(list => list.endsWith(`${NIC_ID}:bound`));
      assert.equal(arrivals.length, 1, `the card comes into each guest once, killed at each ${killAt}`);
    }
  }
}

function phases(red: Guest, blue: Guest): readonly Phase[] {
  const without = assignment('red', {});
  const host = { deletionPolicy: 'Host' };
  return [
    {
      name: 'attach',
      manifest: assignment('red', { lan: nic }, host),
      plan: [`attach ${nic}`, `bind ${nic}`, 'configure red'],
      fulfilled: () => hasCard(red),
    },
    {
      name: 'move',
      manifest: `${without}---\n${assignment('blue', { lan: nic }, host)}`,
      plan: [`attach ${nic}`, 'configure blue', 'configure red', `detach ${nic}`],
      fulfilled: () => hasCard(blue),
    },
    {
      name: 'give back',
      manifest: without,
      plan: ['configure blue', `detach ${nic}`, `release ${nic}`],
      fulfilled: async () => {
        await becomes('driver', () => driverOf(nic), 'e1000e', 180_000);
        await becomes('stored devices', () => blue.hostdevs('stored'), [], 60_000);
        await blue.has([]);
      },
    },
  ];
}

async function hasCard(guest: Guest): Promise<void> {
  await guest.has([NIC_ID], 180_000);
  assert.equal(await holderOf(nic), await guest.id());
  const stored = async (): Promise<string[]> => (await guest.hostdevs('stored')).map(({ address }) => address);
  await becomes('stored devices', stored, [nic], 60_000);
}

/** Fulfils all phases, one after the other; returns what the toolstack noted meanwhile, and how many lives it took. */
async function round(
  all: readonly Phase[],
  notes: ToolstackNotes,
  killAt: KillAt,
): Promise<{ readonly changes: readonly string[]; readonly lives: number }> {
  const from = notes.all().length;
  let lives = 0;
  for (const phase of all) {
    const known = (await logLines()).length;
    await writeManifest('guests.yaml', phase.manifest);
    lives += await live(phase, notes, killAt);
    checkSteps(phase, (await logLines()).slice(known));
  }
  return { changes: notes.all().slice(from), lives };
}

/** Starts and kills controllers until one has nothing left to begin, and lets that one see to the end of it. */
async function live(phase: Phase, notes: ToolstackNotes, killAt: KillAt): Promise<number> {
  for (let lives = 1; lives <= 12; lives += 1) {
    const from = { lines: (await logLines()).length, notes: notes.all().length };
    const product = await Product.start();
    if (killAt !== undefined && (await reaches(killAt, notes, from))) {
      await product.kill();
      continue;
    }
    await phase.fulfilled();
    assert.equal(await product.stop(), 0);
    return lives;
  }
  return assert.fail(`${phase.name}: not done after 12 lives`);
}

/** Whether the life that has just begun comes to the moment; false when it has nothing left to do before. */
function reaches(
  killAt: NonNullable<KillAt>,
  notes: ToolstackNotes,
  from: { readonly lines: number; readonly notes: number },
): Promise<boolean> {
  const look = async (): Promise<boolean | undefined> => {
    const events = (await logLines()).slice(from.lines).map(line => line.event);
    const count = (wanted: string): number => events.filter(event => event === wanted).length;
    if (killAt === 'step performed' ? count('StepPerformed') > 0 : notes.all().length > from.notes) return true;
    // A step that meets what the life before has left under way may fail, and is then tried again or no longer needed.
    const ended = count('StepPerformed') + count('StepFailed');
    // The steps of a look are logged before the status that follows from it.
    return events.includes('Ready') && count('StepStarted') === ended ? false : undefined;
  };
  return until(`a controller comes to: ${killAt}, or to rest`, look, 180_000);
}

/** Only the steps of the plan, each once, and once more for each life that ended while it was under way. */
function checkSteps({ name, plan }: Phase, lines: readonly LogLine[]): void {
  const begun = lines.filter(({ event }) => event === 'StepStarted');
  assert.deepEqual([...new Set(begun.map(({ step }) => step))].sort(), plan, `${name}: the steps`);
  for (const step of plan) {
    const own = lines.filter(line => line.step === step);
    const lives = new Set(own.filter(({ event }) => event === 'StepStarted').map(({ life }) => life));
    const cut = [...lives].filter(life => !own.some(line => line.life === life && line.event === 'StepPerformed'));
    const starts = begun.filter(line => line.step === step).length;
    assert.ok(starts <= cut.length + 1, `${name}: ${step} was begun ${starts} times, and cut off ${cut.length} times`);
  }
}

/** What `npm run test:xen` runs. */
export const tests: readonly Test[] = [
  test(
    'a controller that is killed around every step comes back and takes no step twice',
    killedBetweenSteps,
    2_700_000,
  ),
];
