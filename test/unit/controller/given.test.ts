/** What the controller keeps of the cards that guests were given, over its own lives. */
import { describe, expect, test } from 'vitest';
import { Controller } from '../../../src/controller/controller.ts';
import type { GivenStore, Host } from '../../../src/controller/ports.ts';
import type { Report } from '../../../src/controller/report.ts';
import type { Given } from '../../../src/plan/given.ts';
import type { Inventory } from '../../../src/plan/inventory.ts';
import type { Observed, Place } from '../../../src/plan/observed.ts';
import { type Step, stepText } from '../../../src/plan/step.ts';
import { FakeClock, settle } from '../../fake-clock.ts';
import { address, assignment, device, domain, entry, held, observed, source } from '../../world.ts';

const NIC = '0000:01:00.0';
const IN_RED: Place = { at: 'guest', domid: 1, domain: 'red' };
const STORED = { hostdevs: [], passthrough: true };
const DOMAINS = [domain('red', { domid: 1, stored: STORED }), domain('blue', { domid: 2, stored: STORED })];
const MINE: Inventory = new Map([[address(NIC), held(NIC)]]);
const toBlue = source([assignment('blue', 'blue', [entry('lan', NIC)], { suspend: false })]);
const toNobody = source([assignment('red', 'red', [entry('lan', NIC)], { suspend: true })]);

const look = (insertion: string): Observed => observed([device(NIC, IN_RED, { insertion })], DOMAINS);

/** A host that shows one look after the other, and does nothing that it is asked for. */
class ShowingHost implements Host {
  readonly asked: string[] = [];
  now: Observed;
  constructor(now: Observed) {
    this.now = now;
  }
  async observe(): Promise<Observed> {
    return this.now;
  }
  async perform(step: Step): Promise<void> {
    if (step.verb !== 'configure') this.asked.push(stepText(step));
  }
  onHint(): () => void {
    return () => undefined;
  }
  async close(): Promise<void> {}
}

/** What outlives a controller; it may be full. */
class Kept implements GivenStore {
  given: Given = new Map();
  isFull = false;
  async load(): Promise<Given> {
    return this.given;
  }
  async save(given: Given): Promise<void> {
    if (this.isFull) throw new Error('no space left on device');
    this.given = given;
  }
}

function life(host: Host, given: GivenStore | undefined, wanted: { now: typeof toBlue }) {
  const clock = new FakeClock();
  const reports: Report[] = [];
  const controller = new Controller({
    host,
    source: { read: async () => wanted.now, onHint: () => () => undefined, close: async () => undefined },
    store: { load: async () => MINE, save: async () => undefined },
    ...(given === undefined ? {} : { given }),
    clock,
    resyncMs: 60_000,
    report: report => reports.push(report),
  });
  void controller.run();
  return { clock, reports, stop: () => controller.stop(1_000) };
}

describe('a card that was pulled out of a guest, put back and made assignable', () => {
  test('while there was no controller is not taken from the guest by the next one', async () => {
    const kept = new Kept();
    const host = new ShowingHost(look('7'));
    const first = life(host, kept, { now: toNobody });
    await settle();
    await first.stop();
    host.now = look('8');
    const second = life(host, kept, { now: toBlue });
    await second.clock.advance(120_000);
    expect(host.asked).toEqual([]);
    await second.stop();
  });

  test('is not taken from it by the same controller, though nothing can be kept', async () => {
    const host = new ShowingHost(look('7'));
    const wanted = { now: toNobody };
    const { clock, stop } = life(host, undefined, wanted);
    await settle();
    host.now = look('8');
    wanted.now = toBlue;
    await clock.advance(120_000);
    expect(host.asked).toEqual([]);
    await stop();
  });
});

test('a card that has stayed is taken from its guest', async () => {
  const host = new ShowingHost(look('7'));
  const { clock, stop } = life(host, new Kept(), { now: toBlue });
  await clock.advance(1_000);
  expect(host.asked[0]).toBe('detach 0000:01:00.0 from red (through xl)');
  await stop();
});

test('a look that cannot be kept is no look, is said, and is not forgotten', async () => {
  const kept = new Kept();
  kept.isFull = true;
  const host = new ShowingHost(look('7'));
  const { clock, reports, stop } = life(host, kept, { now: toBlue });
  await settle();
  expect(host.asked).toEqual([]);
  expect(reports[0]).toMatchObject({ type: 'LookFailed', error: 'no space left on device' });
  // What was seen then counts as soon as it can be kept.
  host.now = look('8');
  kept.isFull = false;
  await clock.advance(120_000);
  expect(host.asked).toEqual([]);
  expect([...kept.given.values()]).toMatchObject([{ domid: 1, insertion: '7' }]);
  await stop();
});
