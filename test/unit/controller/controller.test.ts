import { describe, expect, test } from 'vitest';
import type { SourceSnapshot } from '../../../src/api/manifest.ts';
import { Controller } from '../../../src/controller/controller.ts';
import type { ApprovalStore, Host, InventoryStore, Source } from '../../../src/controller/ports.ts';
import type { Report } from '../../../src/controller/report.ts';
import type { Approval } from '../../../src/plan/approval.ts';
import type { Inventory } from '../../../src/plan/inventory.ts';
import { type Observed, placeText } from '../../../src/plan/observed.ts';
import { type Step, stepText } from '../../../src/plan/step.ts';
import { FakeClock, settle } from '../../fake-clock.ts';
import { address, applied, assignment, device, domain, entry, observed, ours, policy, source } from '../../world.ts';

const NIC = '0000:01:00.0';
const DISK = '0000:02:00.0';

type Answer = 'done' | 'refused' | 'claimed' | 'doneButFailed' | 'hangs' | 'doneThenHangs' | 'stuck';

/** A dom0 in memory whose answers a test chooses. */
class TestHost implements Host {
  world: Observed;
  looks = 0;
  reachable = true;
  /** What goes on while a look is being taken, after it has seen the world. */
  duringLook: () => Promise<void> = async () => undefined;
  answer: (step: Step) => Answer = () => 'done';
  readonly taken: string[] = [];
  readonly aborted: string[] = [];
  hint: () => void = () => undefined;
  readonly #release: (() => void)[] = [];

  constructor(world: Observed) {
    this.world = world;
  }

  async observe(): Promise<Observed> {
    this.looks++;
    if (!this.reachable) throw new Error('libvirtd does not answer');
    const seen = this.world;
    await this.duringLook();
    return seen;
  }

  async perform(step: Step, signal: AbortSignal): Promise<void> {
    this.taken.push(stepText(step));
    const answer = this.answer(step);
    if (answer === 'doneThenHangs') this.world = applied(this.world, step);
    if (answer === 'hangs' || answer === 'doneThenHangs') await this.#hang(step, signal);
    // No signal reaches it.
    if (answer === 'stuck') await new Promise<void>(resolve => this.#release.push(resolve));
    if (answer === 'refused') throw new Error('refused by xl');
    if (answer !== 'claimed' && answer !== 'doneThenHangs') this.world = applied(this.world, step);
    if (answer === 'doneButFailed') throw new Error('timed out');
  }

  /** Lets hanging steps go on, and be done. */
  release(): void {
    for (const go of this.#release.splice(0)) go();
  }

  place(text: string): string {
    const found = this.world.devices.get(address(text));
    return found === undefined ? 'nowhere' : placeText(found.place);
  }

  onHint(hint: (about: string) => void): () => void {
    this.hint = () => hint('test');
    return () => undefined;
  }

  async close(): Promise<void> {}

  #hang(step: Step, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#release.push(resolve);
      signal.addEventListener('abort', () => {
        this.aborted.push(stepText(step));
        reject(new Error('told to give up'));
      });
    });
  }
}

function start(host: TestHost, desired: SourceSnapshot, store?: Partial<InventoryStore>, approvals?: ApprovalStore) {
  const clock = new FakeClock();
  const reports: Report[] = [];
  const saved: Inventory[] = [];
  const wanted = { now: desired };
  const from: Source = { read: async () => wanted.now, onHint: () => () => undefined, close: async () => undefined };
  const controller = new Controller({
    host,
    source: from,
    clock,
    resyncMs: 60_000,
    report: report => reports.push(report),
    store: { load: async () => new Map(), save: async inventory => void saved.push(inventory), ...store },
    ...(approvals === undefined ? {} : { approvals }),
  });
  return { clock, reports, saved, controller, wanted, running: controller.run() };
}

const types = (reports: readonly Report[]): string[] =>
  reports.map(report => report.type).filter(type => type !== 'StatusChanged');

const red = domain('red', { domid: 1, stored: { hostdevs: [], passthrough: true } });
const blue = domain('blue', { domid: 2, stored: { hostdevs: [], passthrough: true } });
const bothToRed = source([assignment('red', 'red', [entry('lan', NIC), entry('disk', DISK)])]);
const hostWithBoth = () =>
  new TestHost(observed([device(NIC, { at: 'host' }), device(DISK, { at: 'host' })], [red, blue]));

describe('the loop', () => {
  test('brings devices where they belong, one step for each device between two looks', async () => {
    const host = hostWithBoth();
    const { controller, saved } = start(host, bothToRed);
    await settle();
    expect([host.place(NIC), host.place(DISK)]).toEqual(['guest red', 'guest red']);
    expect(saved[0]?.size).toBe(2);
    await controller.stop(1000);
  });

  test('takes one step at a time for one domain', async () => {
    const host = hostWithBoth();
    let busy = 0;
    let most = 0;
    const perform = host.perform.bind(host);
    host.perform = async (step, signal) => {
      if ('guest' in step || step.verb === 'configure') most = Math.max(most, ++busy);
      await settle();
      await perform(step, signal);
      if ('guest' in step || step.verb === 'configure') busy--;
    };
    const { controller } = start(host, bothToRed);
    for (let turn = 0; turn < 20; turn++) await settle();
    expect(host.place(DISK)).toBe('guest red');
    expect(most).toBe(1);
    await controller.stop(1000);
  });

  test('a hundred hints during a look cause one more look', async () => {
    const host = hostWithBoth();
    const { controller } = start(host, source([]));
    await settle();
    const before = host.looks;
    for (let count = 0; count < 100; count++) host.hint();
    await settle();
    expect(host.looks).toBe(before + 1);
    await controller.stop(1000);
  });

  test('looks again after the resync time without any hint', async () => {
    const host = hostWithBoth();
    const { controller, clock, wanted } = start(host, source([]));
    await settle();
    wanted.now = bothToRed;
    await clock.advance(59_000);
    expect(host.taken).toEqual([]);
    await clock.advance(2_000);
    expect(host.place(NIC)).toBe('guest red');
    await controller.stop(1000);
  });
});

describe('a step that fails', () => {
  test('is tried again later and later, and the other devices go on', async () => {
    const host = hostWithBoth();
    host.answer = step => (step.verb === 'bind' && step.device === NIC ? 'refused' : 'done');
    const { controller, clock, reports } = start(host, bothToRed);
    await settle();
    expect([host.place(NIC), host.place(DISK)]).toEqual(['host', 'guest red']);
    await clock.advance(8_000);
    const tries = reports.flatMap(report => (report.type === 'StepFailed' ? [report.retryAt] : []));
    const gaps = tries.slice(1).map((at, index) => at - (tries[index] ?? 0));
    expect(gaps).toEqual([2_000, 4_000, 8_000]);
    host.answer = () => 'done';
    await clock.advance(10_000);
    expect(host.place(NIC)).toBe('guest red');
    await controller.stop(1000);
  });

  test('counts as failed when the host claims success and nothing changed', async () => {
    const host = hostWithBoth();
    host.answer = step => (step.verb === 'bind' ? 'claimed' : 'done');
    const { controller, reports } = start(host, bothToRed);
    await settle();
    const failed = reports.filter(report => report.type === 'StepFailed');
    expect(failed.map(report => report.error)).toEqual(Array(2).fill('the host reported success, but nothing changed'));
    await controller.stop(1000);
  });

  test('counts as performed when the host claims failure and it took hold', async () => {
    const host = hostWithBoth();
    host.answer = () => 'doneButFailed';
    const { controller, reports } = start(host, bothToRed);
    await settle();
    expect(host.place(NIC)).toBe('guest red');
    expect(types(reports)).not.toContain('StepFailed');
    expect(reports.find(report => report.type === 'StepPerformed')).toMatchObject({
      note: 'it took hold although the host said: timed out',
    });
    await controller.stop(1000);
  });

  test('is tried at the latest after the cap when the clock is set back', async () => {
    const host = hostWithBoth();
    host.answer = step => (step.verb === 'bind' ? 'refused' : 'done');
    const { controller, clock } = start(host, bothToRed);
    await settle();
    clock.setBack(3_600_000);
    host.answer = () => 'done';
    await clock.advance(370_000);
    expect(host.place(NIC)).toBe('guest red');
    await controller.stop(1000);
  });
});

describe('never worse', () => {
  test('without a look there is no step, and the look is tried again', async () => {
    const host = hostWithBoth();
    host.reachable = false;
    const { controller, clock, reports } = start(host, bothToRed);
    await settle();
    expect(host.taken).toEqual([]);
    expect(reports[0]).toMatchObject({ type: 'LookFailed', error: 'libvirtd does not answer' });
    host.reachable = true;
    await clock.advance(1_000);
    expect(host.place(NIC)).toBe('guest red');
    await controller.stop(1000);
  });

  test('without a written record there is no step', async () => {
    const host = hostWithBoth();
    let full = true;
    const save = async () => {
      if (full) throw new Error('no space left on device');
    };
    const { controller, clock, reports } = start(host, bothToRed, { save });
    await settle();
    expect(host.taken).toEqual([]);
    expect(reports[0]).toMatchObject({ type: 'RecordFailed', error: 'no space left on device' });
    full = false;
    await clock.advance(1_000);
    expect(host.place(NIC)).toBe('guest red');
    await controller.stop(1000);
  });

  test('with a record that cannot be read there is no step', async () => {
    const host = hostWithBoth();
    const load = async () => {
      throw new Error('inventory.json is damaged');
    };
    const { controller, reports } = start(host, bothToRed, { load });
    await settle();
    expect(host.taken).toEqual([]);
    expect(reports[0]).toMatchObject({ type: 'LookFailed', error: 'inventory.json is damaged' });
    await controller.stop(1000);
  });

  test('a device whose step is under way is left alone, whatever the looks show meanwhile', async () => {
    const host = hostWithBoth();
    host.answer = step => (step.verb === 'bind' && step.device === NIC ? 'hangs' : 'done');
    const { controller, clock } = start(host, bothToRed);
    await clock.advance(120_000);
    expect(host.taken.filter(text => text.includes(NIC) && text.startsWith('bind'))).toHaveLength(1);
    expect(host.place(DISK)).toBe('guest red');
    host.release();
    await settle();
    expect(host.place(NIC)).toBe('guest red');
    await controller.stop(1000);
  });

  test.each([
    ['nobody any more', source([]), 'assignable'],
    ['another domain', source([assignment('blue', 'blue', [entry('lan', NIC)])]), 'guest blue'],
  ])('what %s is to have while it is being attached is taken from its guest again', async (_, edited, place) => {
    // Of a domain of xl nothing but the record tells who gave it its devices.
    const { stored: _stored, ...byXl } = domain('red', { domid: 1, toolstack: 'xl', persistent: false });
    const host = new TestHost(observed([device(NIC, { at: 'assignable' })], [byXl, blue]));
    host.perform = async (step, signal) => {
      await TestHost.prototype.perform.call(host, step, signal);
      // And libvirt shows nothing of it.
      host.world = { ...host.world, domains: host.world.domains.map(each => (each.uuid === byXl.uuid ? byXl : each)) };
    };
    host.answer = ({ verb }) => (verb === 'attach' ? 'hangs' : 'done');
    const { controller, wanted } = start(host, source([assignment('red', 'red', [entry('lan', NIC)])]));
    await settle();
    expect(host.taken).toEqual([expect.stringContaining(`attach ${NIC} to red`)]);
    wanted.now = edited;
    controller.reconcile();
    await settle();
    expect(host.place(NIC)).toBe('assignable');
    host.answer = () => 'done';
    host.release();
    for (let turn = 0; turn < 5; turn++) await settle();
    expect(host.taken).toContainEqual(expect.stringContaining(`detach ${NIC} from red`));
    expect(host.place(NIC)).toBe(place);
    await controller.stop(1000);
  });

  test('a step that ends during a look is not judged by that look, which may have seen half of it', async () => {
    const host = hostWithBoth();
    host.answer = step => (step.verb === 'bind' ? 'hangs' : 'done');
    const { controller, reports } = start(host, bothToRed);
    await settle();
    host.duringLook = async () => {
      host.duringLook = async () => undefined;
      host.release();
      await settle();
    };
    controller.reconcile();
    await settle();
    await settle();
    expect([host.place(NIC), host.place(DISK)]).toEqual(['guest red', 'guest red']);
    expect(host.taken.filter(text => text.startsWith('bind'))).toHaveLength(2);
    expect(types(reports)).not.toContain('StepFailed');
    await controller.stop(1000);
  });

  test('a step that never ends is told to give up', async () => {
    const host = hostWithBoth();
    host.answer = step => (step.verb === 'bind' ? 'hangs' : 'done');
    const { controller, clock } = start(host, bothToRed);
    await clock.advance(180_000);
    expect(host.aborted.length).toBeGreaterThanOrEqual(2);
    await controller.stop(1000);
  });
});

describe('a step that does not end when it is told to', () => {
  const toRed = source([
    assignment('red', 'red', [entry('lan', NIC)]),
    assignment('blue', 'blue', [entry('disk', DISK)]),
  ]);

  function withStuckAttach() {
    const host = hostWithBoth();
    host.answer = step => (step.verb === 'attach' && step.device === NIC ? 'stuck' : 'done');
    return { host, ...start(host, toRed) };
  }
  const attachesOf = (host: TestHost) => host.taken.filter(text => text.includes(`attach ${NIC}`)).length;

  test('counts as failed, and nothing else is done with its device and its domain until it has ended', async () => {
    const { host, controller, clock, reports, wanted } = withStuckAttach();
    await clock.advance(180_000 + 10_000);
    const failed = reports.filter(report => report.type === 'StepFailed');
    expect(failed).toMatchObject([{ step: { verb: 'attach' }, error: expect.stringContaining('may not come back') }]);
    expect(controller.status?.devices.find(({ address: at }) => at === NIC)?.failure?.count).toBe(1);
    expect(host.place(DISK)).toBe('guest blue');
    wanted.now = source([
      assignment('red', 'red', [entry('lan', NIC), entry('disk', DISK)]),
      assignment('blue', 'blue', []),
    ]);
    await clock.advance(3_600_000);
    expect(attachesOf(host)).toBe(1);
    expect(host.place(DISK), 'red is busy, blue is not').toBe('assignable');
    host.answer = () => 'done';
    host.release();
    for (let turn = 0; turn < 5; turn++) await settle();
    expect([host.place(NIC), host.place(DISK)]).toEqual(['guest red', 'guest red']);
    await controller.stop(1000);
  });

  test('is not waited for by those who ask for a look, nor by a stop', async () => {
    const { controller, clock, running } = withStuckAttach();
    await clock.advance(180_000 + 10_000);
    expect(await controller.retry()).toBe('atRest');
    await controller.stop(1000);
    await running;
  });

  test('leaves its place to others', async () => {
    const devices = Array.from({ length: 20 }, (_, n) => `0000:01:${n.toString(16).padStart(2, '0')}.0`);
    const host = new TestHost(
      observed(
        devices.map(each => device(each, { at: 'host' })),
        [red],
      ),
    );
    host.answer = step => (step.verb === 'bind' ? 'stuck' : 'done');
    const { controller, clock } = start(
      host,
      source([
        assignment(
          'red',
          'red',
          devices.map((each, n) => entry(`d${n}`, each)),
        ),
      ]),
    );
    await clock.advance(180_000 + 10_000);
    expect(new Set(host.taken.filter(text => text.startsWith('bind'))).size).toBe(20);
    const stopping = controller.stop(1000);
    await clock.advance(11_000);
    await stopping;
  });
});

describe('a host that sleeps', () => {
  const toRed = source([assignment('red', 'red', [entry('lan', NIC)])]);
  const slept = (reports: readonly Report[]) => reports.filter(({ type }) => type === 'HostSlept');

  test('is told of when it wakes, with what guests had, and nothing is done to them', async () => {
    const host = new TestHost(observed([device(NIC, { at: 'guest', domain: 'red', domid: 1 })], [red]));
    const { controller, clock, reports } = start(host, source([]));
    await settle();
    const before = host.taken.length;
    clock.sleep(28_800_000);
    await clock.advance(60_000);
    expect(slept(reports)).toEqual([
      { type: 'HostSlept', sleptMs: 28_800_000, given: [{ device: NIC, domain: 'red' }] },
    ]);
    expect(host.taken).toHaveLength(before);
    await clock.advance(600_000);
    expect(slept(reports), 'told once').toHaveLength(1);
    await controller.stop(1000);
  });

  test('tries at once what had failed before', async () => {
    const host = new TestHost(observed([device(NIC, { at: 'host' })], [red]));
    host.answer = () => 'refused';
    const { controller, clock } = start(host, toRed);
    await clock.advance(1_200_000);
    const before = host.taken.length;
    controller.reconcile();
    await settle();
    expect(host.taken, 'it waits for its time').toHaveLength(before);
    clock.sleep(20_000);
    controller.reconcile();
    await settle();
    expect(new Set(host.taken.slice(before))).toEqual(
      new Set([`bind ${NIC} to pciback`, expect.stringMatching(/^configure red/)]),
    );
    await controller.stop(1000);
  });

  test('that cannot be looked at yet is told of when it can', async () => {
    const host = new TestHost(observed([device(NIC, { at: 'host' })], [red]));
    const { controller, clock, reports } = start(host, source([]));
    await settle();
    host.reachable = false;
    clock.sleep(20_000);
    await clock.advance(60_000);
    expect(slept(reports)).toEqual([]);
    host.reachable = true;
    await clock.advance(60_000);
    expect(slept(reports)).toEqual([{ type: 'HostSlept', sleptMs: 20_000, given: [] }]);
    await controller.stop(1000);
  });

  test('a reading that is a little off is no sleep', async () => {
    const host = new TestHost(observed([device(NIC, { at: 'host' })], [red]));
    const { controller, clock, reports } = start(host, source([]));
    await settle();
    clock.sleep(999);
    await clock.advance(60_000);
    clock.sleep(-500);
    await clock.advance(60_000);
    clock.sleep(1_400);
    await clock.advance(60_000);
    expect(slept(reports)).toEqual([]);
    await controller.stop(1000);
  });
});

describe('asked to look now', () => {
  const toRed = source([assignment('red', 'red', [entry('lan', NIC)])]);
  const hostWithOne = () => new TestHost(observed([device(NIC, { at: 'host' })], [red]));

  test('tries again at once what has failed, and answers when what it began has ended', async () => {
    const host = hostWithOne();
    host.answer = () => 'refused';
    const { controller, clock } = start(host, toRed);
    await clock.advance(20_000);
    const before = host.taken.length;
    host.answer = step => (step.verb === 'bind' ? 'hangs' : 'done');
    const answers: string[] = [];
    const asked = controller.retry().then(answer => answers.push(answer));
    await settle();
    expect(host.taken.slice(before)).toContain(`bind ${NIC} to pciback`);
    expect(answers, 'a step is under way').toEqual([]);
    host.release();
    await asked;
    expect(answers).toEqual(['atRest']);
    expect(host.place(NIC)).toBe('guest red');
    await controller.stop(1000);
  });

  test('is answered also when it fails once more, which counts as the first time', async () => {
    const host = hostWithOne();
    host.answer = () => 'refused';
    const { controller, clock } = start(host, toRed);
    await clock.advance(20_000);
    const countOf = () => controller.status?.devices[0]?.failure?.count;
    expect(countOf()).toBeGreaterThan(2);
    expect(await controller.retry()).toBe('atRest');
    expect(countOf()).toBe(1);
    await controller.stop(1000);
  });

  test('waits for a look that succeeds, and is told when there is none any more', async () => {
    const host = hostWithOne();
    host.reachable = false;
    const { controller } = start(host, toRed);
    const answers: string[] = [];
    const asked = controller.retry().then(answer => answers.push(answer));
    await settle();
    expect(answers).toEqual([]);
    await controller.stop(1000);
    await asked;
    expect([...answers, await controller.retry()]).toEqual(['stopped', 'stopped']);
  });
});

describe('stopping', () => {
  test('takes no further step and waits for the one under way', async () => {
    const host = hostWithBoth();
    host.answer = step => (step.verb === 'bind' ? 'hangs' : 'done');
    const { controller, running } = start(host, bothToRed);
    await settle();
    const before = host.taken.length;
    const stopped = controller.stop(5_000);
    host.release();
    await stopped;
    await running;
    expect(host.taken).toHaveLength(before);
    expect([host.place(NIC), host.place(DISK)]).toEqual(['assignable', 'assignable']);
  });

  test('takes no step when it is stopped in the middle of a look', async () => {
    const host = hostWithBoth();
    let goOn: () => void = () => undefined;
    host.duringLook = () =>
      new Promise(resolve => {
        goOn = resolve;
      });
    const { controller, running } = start(host, bothToRed);
    await settle();
    const stopped = controller.stop(5_000);
    goOn();
    await stopped;
    await running;
    expect(host.taken).toEqual([]);
  });

  test('tells a step that does not end in time to give up', async () => {
    const host = hostWithBoth();
    host.answer = step => (step.verb === 'bind' ? 'hangs' : 'done');
    const { controller, clock, running } = start(host, bothToRed);
    await settle();
    const stopped = controller.stop(5_000);
    await clock.advance(5_000);
    await stopped;
    await running;
    expect(host.aborted.sort()).toEqual([`bind ${NIC} to pciback`, `bind ${DISK} to pciback`]);
  });
});

describe('converge', () => {
  async function converge(host: TestHost, desired: SourceSnapshot) {
    const clock = new FakeClock();
    const controller = new Controller({
      host,
      source: { read: async () => desired, onHint: () => () => undefined, close: async () => undefined },
      clock,
      resyncMs: 60_000,
      report: () => undefined,
      store: { load: async () => new Map(), save: async () => undefined },
    });
    const done = controller.converge(30_000);
    await clock.advance(31_000);
    return { done: await done, status: controller.status };
  }

  test('ends when nothing is left to do', async () => {
    const host = hostWithBoth();
    const { done, status } = await converge(host, bothToRed);
    expect(done).toBe(true);
    expect(status?.assignments[0]?.conditions).toMatchObject([
      { type: 'Ready', status: 'True', reason: 'InPlace', message: 'red has 2 devices' },
    ]);
  });

  test('does not end before every step is judged, not even one that ended during the last look', async () => {
    const host = hostWithBoth();
    host.answer = step => (step.verb === 'attach' && step.device === DISK ? 'doneThenHangs' : 'done');
    const reports: Report[] = [];
    const clock = new FakeClock();
    const controller = new Controller({
      host,
      source: { read: async () => bothToRed, onHint: () => () => undefined, close: async () => undefined },
      clock,
      resyncMs: 60_000,
      report: report => reports.push(report),
      store: { load: async () => new Map(), save: async () => undefined },
    });
    const done = controller.converge(300_000);
    await settle();
    // The device is in place before the step has ended, and the step ends while that is being looked at.
    host.duringLook = async () => {
      host.duringLook = async () => undefined;
      host.release();
      await settle();
    };
    controller.reconcile();
    await settle();
    await clock.advance(0);
    expect(await done).toBe(true);
    const performed = reports.flatMap(report => (report.type === 'StepPerformed' ? [stepText(report.step)] : []));
    expect(performed).toContain(`attach ${DISK} to red`);
    // Nobody is told that it is ready before they are told that the step has ended.
    const ready = reports.findIndex(
      report => report.type === 'StatusChanged' && report.status.assignments[0]?.conditions[0]?.status === 'True',
    );
    expect(ready).toBeGreaterThan(reports.findLastIndex(report => report.type === 'StepPerformed'));
  });

  test('gives up when its time is over', async () => {
    const host = hostWithBoth();
    host.answer = step => (step.verb === 'bind' ? 'refused' : 'done');
    const { done, status } = await converge(host, bothToRed);
    expect(done).toBe(false);
    expect(status?.assignments[0]?.conditions.map(({ type, reason }) => [type, reason])).toEqual([
      ['Ready', 'StepFailed'],
      ['Reconciling', 'StepFailed'],
    ]);
  });
});

describe('more detaches than may go unasked', () => {
  const THIRD = '0000:03:00.0';
  const ALL = [NIC, DISK, THIRD];
  const inRed = { at: 'guest', domid: 1, domain: 'red' } as const;
  const hostWithThree = () =>
    new TestHost(
      observed(
        ALL.map(text => device(text, inRed)),
        [{ ...red, live: ALL.map(text => ours(address(text))) }],
      ),
    );
  const nobodyNamed = source([assignment('red', 'red', [])]);
  const approval = (text: string, domid = 1) => ({
    device: address(text),
    uuid: 'uuid-red',
    domid,
    until: 2_000_000_000_000,
  });

  /** Approvals that a test gives. */
  function approvals() {
    let hint: () => void = () => undefined;
    let answer: () => readonly Approval[] = () => [];
    const store: ApprovalStore = {
      load: async () => answer(),
      onHint: listener => {
        hint = listener;
        return () => undefined;
      },
    };
    const give = (next: () => readonly Approval[]): void => {
      answer = next;
      hint();
    };
    return { store, give };
  }

  const record: Inventory = new Map(
    ALL.map(text => {
      const at = address(text);
      const domain = { name: 'red', uuid: 'uuid-red' };
      return [
        at,
        { address: at, assignment: 'red', entry: 'x', domain, deletionPolicy: 'Assignable', updatePolicy: 'Live' },
      ] as const;
    }),
  );

  test('wait, and all go as soon as they are approved', async () => {
    const host = hostWithThree();
    const { store, give } = approvals();
    const { controller } = start(host, nobodyNamed, { load: async () => record }, store);
    await settle();
    expect(host.taken).toEqual([]);
    expect(controller.status?.devices.map(({ wait }) => wait?.reason)).toEqual(Array(3).fill('NeedsApproval'));
    give(() => ALL.map(text => approval(text, 2)));
    await settle();
    expect(host.taken, 'approved for another instance').toEqual([]);
    give(() => ALL.map(text => approval(text)));
    await settle();
    expect(ALL.map(text => host.place(text))).toEqual(Array(3).fill('assignable'));
    await controller.stop(1000);
  });

  test('go on waiting when a person asks for a look: that approves nothing', async () => {
    const host = hostWithThree();
    const { controller } = start(host, nobodyNamed, { load: async () => record });
    expect(await controller.retry()).toBe('atRest');
    expect(host.taken).toEqual([]);
    expect(controller.status?.devices.map(({ wait }) => wait?.reason)).toEqual(Array(3).fill('NeedsApproval'));
    await controller.stop(1000);
  });

  test('approvals that cannot be read approve nothing, are told once, and stop nothing else', async () => {
    const host = hostWithThree();
    const { store, give } = approvals();
    const { controller, reports, wanted } = start(host, nobodyNamed, { load: async () => record }, store);
    const fail = (): never => {
      throw new Error('the approvals are damaged');
    };
    give(fail);
    await settle();
    give(fail);
    await settle();
    expect(host.taken).toEqual([]);
    expect(reports.filter(({ type }) => type === 'ApprovalsUnreadable')).toEqual([
      { type: 'ApprovalsUnreadable', error: 'the approvals are damaged' },
    ]);
    wanted.now = source([assignment('red', 'red', [entry('a', NIC)])]);
    controller.reconcile();
    await settle();
    expect(ALL.map(text => host.place(text))).toEqual(['guest red', 'assignable', 'assignable']);
    await controller.stop(1000);
  });

  test('what was put up with on the way is told with the step', async () => {
    const host = hostWithThree();
    const perform = host.perform.bind(host);
    host.perform = async (step: Step, signal: AbortSignal, remark?: (text: string) => void) => {
      remark?.('the guest did not let go');
      await perform(step, signal);
    };
    const { controller, reports } = start(host, source([assignment('red', 'red', [entry('a', NIC)])]), {
      load: async () => record,
    });
    await settle();
    const notes = reports.flatMap(report =>
      report.type === 'StepPerformed' && report.step.verb === 'detach' ? [report.note] : [],
    );
    expect(notes).toEqual(['the guest did not let go', 'the guest did not let go']);
    await controller.stop(1000);
  });

  test('a detach that has failed three times is taken by force from the fourth on, when the policy says so', async () => {
    const hvm = { ...red, type: 'hvm' as const, live: [ours(address(NIC))] };
    const host = new TestHost(observed([device(NIC, inRed)], [hvm]));
    host.answer = step => ('force' in step && step.force === true ? 'done' : 'claimed');
    const desired = source([assignment('red', 'red', [])], { policy: policy({ forceDetach: true }) });
    const { controller, clock } = start(host, desired, { load: async () => new Map([...record].slice(0, 1)) });
    for (let round = 0; round < 10; round++) {
      await settle();
      await clock.advance(5_000);
    }
    expect(host.taken).toEqual([
      ...Array(3).fill(`detach ${NIC} from red`),
      `detach ${NIC} from red (by force, through xl)`,
    ]);
    expect(host.place(NIC)).toBe('assignable');
    await controller.stop(1000);
  });
});
