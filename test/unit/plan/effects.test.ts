/** The model by which plans are followed without a host: what each step does to all of it. */
import { describe, expect, test } from 'vitest';
import { hostAfter } from '../../../src/plan/effects.ts';
import type { Observed, ObservedDevice, Place } from '../../../src/plan/observed.ts';
import type { Step } from '../../../src/plan/step.ts';
import { address, device, domain, observed, ours } from '../../world.ts';

const AT = address('0000:01:00.0');
const guest = { name: 'red', uuid: 'uuid-red', domid: 1 };
const IN_RED: Place = { at: 'guest', domid: 1, domain: 'red' };
const OTHER = ours(address('0000:02:00.0'));
const attach = { verb: 'attach', device: AT, guest, via: 'libvirt', permissive: false } as const;
const detach = { verb: 'detach', device: AT, guest, via: 'libvirt' } as const;

function host(place: Place, more: Partial<ObservedDevice> = {}, live = [OTHER]): Observed {
  return observed([device(AT, place, more)], [domain('red', { domid: 1, live }), domain('blue', { domid: 2, live })]);
}

const found = (world: Observed | undefined) => world?.devices.get(AT);
const facts = (world: Observed, step: Step) => {
  const { place, driver, homeDriver, permissive, unfiltered, uses } = found(hostAfter(world, step)) ?? {};
  return [place?.at, driver, homeDriver, permissive, unfiltered, uses?.length];
};
const believed = (world: Observed, step: Step) =>
  hostAfter(world, step)?.domains.map(({ live }) =>
    live.map(entry => `${entry.address} ${entry.permissive} ${entry.managed}`),
  );

describe('a device after', () => {
  const uses = [{ guard: 'Swap', text: 'sda1 is swap' } as const];

  test('bind is on pciback, and xl knows which driver it had', () => {
    expect(facts(host({ at: 'host' }, { uses, homeDriver: 'old' }), { verb: 'bind', device: AT })).toEqual([
      'assignable',
      'pciback',
      'e1000e',
      undefined,
      undefined,
      0,
    ]);
  });

  test('release is on the driver that is named, or on one that the kernel chooses', () => {
    const free = host({ at: 'assignable' }, { homeDriver: 'e1000e', unfiltered: true });
    const release = { verb: 'release', device: AT } as const;
    expect(facts(free, { ...release, driver: 'vfio' })).toEqual(['host', 'vfio', undefined, undefined, undefined, 0]);
    expect(facts(free, release)).toEqual(['host', undefined, undefined, undefined, undefined, 0]);
    expect(Object.keys(found(hostAfter(free, release)) ?? {})).not.toContain('driver');
  });

  test('attach is as permissive as the step says, whatever it was', () => {
    const free = host({ at: 'assignable' }, { homeDriver: 'e1000e', unfiltered: true });
    expect(facts(free, attach)).toEqual(['guest', 'pciback', 'e1000e', false, undefined, 0]);
    expect(facts(free, { ...attach, permissive: true })).toEqual(['guest', 'pciback', 'e1000e', true, true, 0]);
  });

  test('detach is still permissive on pciback, which ends when it is bound anew', () => {
    expect(facts(host(IN_RED, { permissive: true, unfiltered: true }), detach).slice(3, 5)).toEqual([undefined, true]);
    expect(facts(host(IN_RED, { permissive: false }), detach).slice(3, 5)).toEqual([undefined, undefined]);
    const rebind = { verb: 'rebind', device: AT } as const;
    expect(facts(host({ at: 'assignable' }, { unfiltered: true }), rebind).slice(3, 5)).toEqual([undefined, undefined]);
  });

  test('a step that cannot be taken is nowhere', () => {
    expect(hostAfter(host({ at: 'host' }), attach)).toBeUndefined();
    expect(hostAfter(observed([], []), { verb: 'bind', device: AT })).toBeUndefined();
  });
});

describe('libvirt', () => {
  const [own, other] = [`${AT} false false`, `${OTHER.address} false false`];

  test('believes what it did itself, of that domain', () => {
    expect(believed(host({ at: 'assignable' }), attach)).toEqual([[other, own], [other]]);
    expect(believed(host(IN_RED, {}, [OTHER, ours(AT)]), detach)).toEqual([[other], [other, own]]);
    expect(believed(host({ at: 'host' }), { verb: 'bind', device: AT })).toEqual([[other], [other]]);
  });

  test('knows nothing of what xl did', () => {
    expect(believed(host({ at: 'assignable' }), { ...attach, via: 'xl' })).toEqual([[other], [other]]);
    expect(believed(host(IN_RED, {}, [ours(AT)]), { ...detach, via: 'xl' })).toEqual([[own], [own]]);
  });
});

test('configure changes that definition alone, and leaves a domain without one alone', () => {
  const { stored: _, ...transient } = domain('red', { domid: 1 });
  const step = {
    verb: 'configure',
    domain: guest,
    add: [{ device: AT, permissive: true }],
    remove: [],
    passthrough: true,
  } as const;
  expect(hostAfter(observed([], [transient]), step)?.domains).toEqual([transient]);
  const off = { hostdevs: [], passthrough: false };
  const after = hostAfter(observed([], [domain('red', { stored: off }), domain('blue', { stored: off })]), step);
  expect(after?.domains.map(({ stored }) => stored)).toEqual([{ hostdevs: [ours(AT, true)], passthrough: true }, off]);
});

test('configure keeps the other entries, and passthrough as it is unless it says so', () => {
  const step = { verb: 'configure', domain: guest, add: [], remove: [AT], passthrough: false } as const;
  const stored = (passthrough: boolean) => domain('red', { stored: { hostdevs: [ours(AT), OTHER], passthrough } });
  for (const passthrough of [false, true]) {
    const [after] = hostAfter(observed([], [stored(passthrough)]), step)?.domains ?? [];
    expect(after?.stored).toEqual({ hostdevs: [OTHER], passthrough });
  }
});
