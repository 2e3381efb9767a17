import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Given, nextGiven, withPutBack } from '../../src/plan/given.ts';
import type { Inventory } from '../../src/plan/inventory.ts';
import type { Observed } from '../../src/plan/observed.ts';
import { plan, planSteps } from '../../src/plan/plan.ts';
import { address, assignment, device, domain, entry, held, observed, source } from '../world.ts';

const NIC = '0000:01:00.0';
const AT = address(NIC);
const MINE: Inventory = new Map([[AT, held(NIC)]]);

/** What happens to the card, and to the guest that has it by xenstore. */
type Happening = 'pull' | 'putBack' | 'addAssignable' | 'restart' | 'detach' | 'attach';

/** A host with one card, as Xen and the kernel have it. */
class Host {
  insertion = 1;
  present = true;
  driver = 'pciback';
  domid = 1;
  /** The insertion that the guest was given; absent while xenstore does not say that it has one. */
  given: number | undefined = 1;

  /** Whether a guest can be given the card. */
  get isReady(): boolean {
    return this.present && this.driver === 'pciback';
  }

  take(what: Happening): void {
    if (what === 'pull') this.present = false;
    if (what === 'putBack' && !this.present) {
      this.present = true;
      this.insertion += 1;
      this.driver = 'e1000e';
    }
    if (what === 'addAssignable') this.driver = 'pciback';
    if (what === 'restart') {
      this.domid += 1;
      this.given = this.isReady ? this.insertion : undefined;
    }
    if (what === 'detach') this.given = undefined;
    if (what === 'attach' && this.isReady) this.given ??= this.insertion;
  }

  look(): Observed {
    const place =
      this.given !== undefined
        ? ({ at: 'guest', domid: this.domid, domain: 'red' } as const)
        : ({ at: this.driver === 'pciback' ? 'assignable' : 'host' } as const);
    const found = device(NIC, place, this.present ? { driver: this.driver, insertion: `${this.insertion}` } : {});
    const { driver: _, ...gone } = found;
    const devices = this.present ? [found] : this.given === undefined ? [] : [{ ...gone, present: false }];
    return observed(devices, [domain('red', { domid: this.domid }), domain('blue', { domid: 99 })]);
  }
}

/** A controller, with what it was shown since xenstore says that this instance of the guest has the device. */
class Onlooker {
  #known: Given = new Map();
  #last: Observed | undefined;
  #seen = new Set<number>();
  #instance: string | undefined;

  /** A new controller has only what the one before it has kept. */
  restart(): void {
    this.#last = undefined;
  }

  /** @returns whether it takes the card from the guest, takes it for another one, and was shown that it is another one. */
  look(host: Host): { readonly takes: boolean; readonly isAnother: boolean; readonly wasShownAnother: boolean } {
    const now = host.look();
    this.#known = nextGiven(this.#known, this.#last, now);
    this.#last = now;
    const world = withPutBack(now, this.#known);
    const wanted = source([assignment('blue', 'blue', [entry('lan', NIC)])]);
    const takes = planSteps(plan(world, wanted, MINE)).some(({ verb }) => verb === 'detach');
    const wasShownAnother = this.#wasShownAnother(host);
    return { takes, isAnother: world.devices.get(AT)?.putBack === true, wasShownAnother };
  }

  #wasShownAnother(host: Host): boolean {
    const instance = host.given === undefined ? undefined : `${host.domid}`;
    if (instance !== this.#instance) this.#seen = new Set();
    this.#instance = instance;
    const isAnother = [...this.#seen].some(insertion => insertion !== host.insertion);
    if (instance !== undefined && host.isReady) this.#seen.add(host.insertion);
    return isAnother;
  }
}

const happening = fc.constantFrom<Happening>('pull', 'putBack', 'addAssignable', 'restart', 'detach', 'attach');
/** Between two looks so much happens; at some of them the controller is started anew. */
const story = fc.array(fc.record({ before: fc.array(happening, { maxLength: 4 }), isStart: fc.boolean() }), {
  maxLength: 12,
});

test('a card is not taken from a guest that was seen with another one, and one that has stayed is never another', () => {
  fc.assert(
    fc.property(story, looks => {
      const host = new Host();
      const onlooker = new Onlooker();
      for (const { before, isStart } of looks) {
        for (const what of before) host.take(what);
        if (isStart) onlooker.restart();
        const { takes, isAnother, wasShownAnother } = onlooker.look(host);
        expect(takes && (wasShownAnother || !host.isReady)).toBe(false);
        expect(isAnother && host.insertion === 1).toBe(false);
      }
    }),
    { numRuns: 2_000 },
  );
});
