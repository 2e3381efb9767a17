import { describe, expect, test } from 'vitest';
import type { PCIAssignment, SourcedAssignment, SourceSnapshot } from '../../../src/api/manifest.ts';
import type { Inventory } from '../../../src/plan/inventory.ts';
import type { Observed, ObservedDevice, ObservedDomain, Place } from '../../../src/plan/observed.ts';
import { whyIrreversible } from '../../../src/plan/reversible.ts';
import { NO_STANDING } from '../../../src/plan/standing.ts';
import { address, assignment, device, domain, entry, observed, ours, policy, source } from '../../world.ts';

const AT = '0000:01:00.0';
const HOST: Place = { at: 'host' };
const ASSIGNABLE: Place = { at: 'assignable' };
const RED: Place = { at: 'guest', domid: 1, domain: 'red' };
const LIVE = { live: [ours(address(AT))], stored: { hostdevs: [ours(address(AT))], passthrough: true } };

/** One device, two guests that run. */
function host(place: Place, red: Partial<ObservedDomain> = {}, more: Partial<ObservedDevice> = {}): Observed {
  const has = place.at === 'guest' ? LIVE : {};
  return observed(
    [device(AT, place, more)],
    [domain('red', { domid: 1, ...has, ...red }), domain('blue', { domid: 2 })],
  );
}

function wish(name: string, spec: Partial<PCIAssignment['spec']> = {}, more = {}): SourcedAssignment {
  return assignment(`for-${name}`, name, [entry('lan', AT, more)], spec);
}

const HELD: Inventory = new Map([
  [
    address(AT),
    {
      address: address(AT),
      assignment: 'for-red',
      entry: 'lan',
      domain: { name: 'red', uuid: 'uuid-red' },
      deletionPolicy: 'Assignable',
      updatePolicy: 'Live',
    },
  ],
]);

function why(
  found: Observed,
  before: readonly SourcedAssignment[],
  after: readonly SourcedAssignment[],
  more: {
    readonly was?: Partial<SourceSnapshot>;
    readonly is?: Partial<SourceSnapshot>;
    readonly held?: Inventory;
  } = {},
): string[] {
  const { was = {}, is = was, held = new Map() } = more;
  const attempt = { observed: found, inventory: held, standing: NO_STANDING };
  const reasons = whyIrreversible({ ...attempt, before: source(before, was), after: source(after, is) });
  return reasons.map(({ about, message }) => `${about} ${message}`);
}

describe('what can be taken back', () => {
  test('a move from one guest to another', () => {
    expect(why(host(RED), [wish('red')], [wish('blue')], { held: HELD })).toEqual([]);
  });

  test('a device of the host, if the trial gives it back to the host', () => {
    expect(why(host(HOST), [], [wish('red', { deletionPolicy: 'Host' })])).toEqual([]);
  });

  test('a free device that a guest gets', () => {
    expect(why(host(ASSIGNABLE), [], [wish('red')])).toEqual([]);
  });

  test('what somebody else waits for has no part in it', () => {
    const other = assignment('other', 'nowhere', [entry('x', '0000:03:00.0')]);
    const both = host(RED);
    const world = {
      ...both,
      devices: new Map([...both.devices, ...observed([device('0000:03:00.0', HOST)], []).devices]),
    };
    expect(why(world, [wish('red'), other], [wish('blue'), other], { held: HELD })).toEqual([]);
  });
});

describe('what the trial only ends or leaves as it is', () => {
  const used = (): Observed => host(HOST, {}, { uses: [{ guard: 'Swap', text: 'sda1 is swap' }] });

  test('a wish that was refused goes', () => {
    expect(why(used(), [wish('red')], [])).toEqual([]);
  });

  test('an assignment is suspended', () => {
    expect(why(host(RED), [wish('red')], [wish('red', { suspend: true })], { held: HELD })).toEqual([]);
  });

  test('a guard that is off already stays off', () => {
    expect(why(host(ASSIGNABLE), [], [wish('red')], { was: { policy: policy({ allow: ['NoReset'] }) } })).toEqual([]);
  });

  test('a device leaves an HVM guest where force is not allowed', () => {
    expect(why(host(RED, { type: 'hvm' }), [wish('red')], [wish('blue')], { held: HELD })).toEqual([]);
  });
});

describe('what cannot be taken back', () => {
  test('a device of the host that would stay on pciback', () => {
    expect(why(host(HOST), [], [wish('red')])).toEqual([
      '0000:01:00.0 would not come back to host, but be assignable; in the trial, say deletionPolicy: Host of its assignment',
    ]);
  });

  test('a device that is on no driver of the host', () => {
    const [first] = [...host(HOST).devices.values()];
    const { driver: _, ...bare } = first ?? device(AT, HOST);
    const world = { ...host(HOST), devices: new Map([[address(AT), bare]]) };
    expect(why(world, [], [wish('red', { deletionPolicy: 'Host' })])).toEqual([
      '0000:01:00.0 would come back to the host on whichever driver the kernel chooses, and is now on none',
    ]);
  });

  test('a device of a guest that takes none while it runs', () => {
    const fixed = wish('red', { updatePolicy: 'OnNextStart' });
    const [first] = why(host(RED), [fixed], [wish('blue')], { held: HELD });
    expect(first).toMatch(/would not come back to guest red, but be assignable: red gets .* when it is next started/);
    expect(why(host(RED, { passthrough: 'off' }), [wish('red')], [wish('blue')], { held: HELD })[0]).toMatch(
      /would not come back to guest red, but be assignable: red was started without PCI passthrough/,
    );
  });

  test('a device that may be torn from an HVM guest', () => {
    const force = { was: { policy: policy({ forceDetach: true }) }, held: HELD };
    expect(why(host(RED, { type: 'hvm' }), [wish('red')], [wish('blue')], force)).toEqual([
      '0000:01:00.0 may be torn from red by force (forceDetach), which cannot get it again before it is restarted',
    ]);
    expect(why(host(RED), [wish('red')], [wish('blue')], force)).toEqual([]);
  });

  test('a device that may be torn from an HVM guest, whichever domains there are beside it', () => {
    const { domains, ...rest } = host(RED, { type: 'hvm' });
    const force = { was: { policy: policy({ forceDetach: true }) }, held: HELD };
    expect(why({ ...rest, domains: domains.toReversed() }, [wish('red')], [wish('blue')], force)).toEqual([
      expect.stringContaining('may be torn from red by force'),
    ]);
  });

  test('what dom0 did with a device that is only taken from it, for a guest that is off', () => {
    const uses = [{ guard: 'Swap', text: 'sda1 is swap' }] as const;
    const off = { ...host(HOST, {}, { uses }), domains: [domain('red')] };
    const allow = { was: { policy: policy({ allow: ['Swap'] }) } };
    expect(why(off, [wish('red', { whenStopped: 'Host' })], [wish('red')], allow)).toContain(
      `${AT} would be taken from dom0, which does not get it back: sda1 is swap`,
    );
  });

  test('a device that a guest has from somebody else, taken or only adopted', () => {
    const foreign = host(RED, { live: [], stored: { hostdevs: [], passthrough: true } });
    const taken = [assignment('red', 'red', []), wish('blue')];
    expect(why(foreign, [], taken)).toEqual(['0000:01:00.0 would not come back to guest red, but be assignable']);
    expect(why(foreign, [], [wish('red')])).toContain(
      '0000:01:00.0 would not come back to guest red, but be assignable',
    );
  });

  test('a device of which only the record changes, so that going back takes it away', () => {
    const entry = { address: address(AT), managed: false, permissive: false };
    const foreign = host(RED, { live: [entry], stored: { hostdevs: [entry], passthrough: true } });
    expect(why(foreign, [], [wish('red')])).toEqual([
      '0000:01:00.0 would not come back to guest red, but be assignable',
    ]);
  });

  test('a stored definition that would keep, or lose, an entry', () => {
    const off = (hostdevs: ObservedDomain['live']): Observed =>
      observed([device(AT, ASSIGNABLE)], [domain('red', { stored: { hostdevs, passthrough: true } })]);
    expect(why(off([]), [], [wish('red', { deletionPolicy: 'Orphan' }, { permissive: true })])).toEqual([
      'domain red would keep in its stored definition: 0000:01:00.0 (permissive)',
    ]);
    expect(why(off([ours(address(AT))]), [], [], { held: HELD })[0]).toBeUndefined();
  });

  test('a device that would come back with another permissive, on another driver, or without what holds it', () => {
    const force = { was: { policy: policy({ forceDetach: true }) }, held: HELD };
    const torn = host(RED, { type: 'hvm', live: [ours(address(AT))] });
    expect(why(torn, [wish('red')], [wish('red')], force)).toEqual([]);
    const open = host(ASSIGNABLE, {}, { unfiltered: true });
    expect(why(open, [], [wish('red', { deletionPolicy: 'Orphan' })])[0]).toContain('guest red');
    expect(why(open, [], [wish('red')])).toContain(`${AT} would come back without permissive`);
  });

  test('a card that only the trial accepts', () => {
    const strict = wish('red', {}, { identity: { device: 'ffff' } });
    expect(why(host(ASSIGNABLE), [strict], [wish('red')])[0]).toMatch(
      /would not come back to assignable, but be guest red: the device at .* is another one/,
    );
  });

  test('more devices than may leave guests at once, on either way', () => {
    const devices = ['0000:01:00.0', '0000:03:00.0', '0000:04:00.0'];
    const all = (name: string): SourcedAssignment[] => [
      assignment(
        'all',
        name,
        devices.map((text, index) => entry(`d${index}`, text)),
      ),
    ];
    const world = observed(
      devices.map(text => device(text, ASSIGNABLE)),
      [domain('red', { domid: 1 })],
    );
    expect(why(world, [], all('red'))[0]).toMatch(/but be guest red: 3 devices would leave running guests at once/);
  });

  test('a trial that waits or is refused', () => {
    expect(why(host(ASSIGNABLE), [], [wish('nowhere')])).toEqual([
      '0000:01:00.0 would not come to rest: DomainNotFound: there is no domain nowhere; define it or correct spec.domain',
    ]);
  });

  test('a trial on a host that is not at rest', () => {
    expect(why(host(ASSIGNABLE), [wish('red')], [wish('blue')])[0]).toBe(
      `${AT} is not at rest without the trial: attach ${AT} to red comes first`,
    );
  });

  test('a trial on a host that is not at rest, where force is allowed', () => {
    const force = { was: { policy: policy({ forceDetach: true }) } };
    expect(why(host(HOST), [wish('red')], [wish('blue')], force)[0]).toMatch(/is not at rest without the trial/);
  });

  test('guards that the trial switches off, and what dom0 does with the device', () => {
    const used = host(HOST, {}, { uses: [{ guard: 'MountedFilesystem', text: 'nvme0n1p2 is mounted at /srv' }] });
    const is = { policy: policy({ allow: ['MountedFilesystem'] }) };
    const found = why(used, [], [wish('red', { deletionPolicy: 'Host' })], { is });
    expect(found[0]).toBe('PCIHostPolicy would switch off MountedFilesystem; what a guard lets happen stays so');
    expect(found[1]).toContain('would be taken from dom0, which does not get it back: nvme0n1p2 is mounted at /srv');
  });

  test('a device that the host gets for the time of the trial', () => {
    const off = { ...host(ASSIGNABLE), domains: [domain('red')] };
    expect(why(off, [wish('red')], [wish('red', { whenStopped: 'Host' })])[0]).toContain('is not taken again if dom0');
  });

  test('passthrough in a stored definition', () => {
    const world = host(ASSIGNABLE, { stored: { hostdevs: [], passthrough: false } });
    expect(why(world, [], [wish('red')])).toEqual(['domain red would keep PCI passthrough in its stored definition']);
  });

  test('taking back while some manifest cannot be read', () => {
    expect(why(host(ASSIGNABLE), [], [wish('red')], { was: { complete: false } })[0]).toContain(
      'not every manifest could be read',
    );
  });
});
