import fc from 'fast-check';
import type { SwitchableGuard } from '../../src/api/guards.ts';
import type { DeviceEntry, DomainSelector, PCIAssignment, SourcedAssignment } from '../../src/api/manifest.ts';
import type { PciPath } from '../../src/api/path.ts';
import type { Basis } from '../../src/plan/basis.ts';
import type { HeldDevice } from '../../src/plan/inventory.ts';
import type { HostdevEntry, ObservedDevice, ObservedDomain, Place } from '../../src/plan/observed.ts';
import { nextSteps, type Plan } from '../../src/plan/plan.ts';
import type { Standing } from '../../src/plan/standing.ts';
import { withSuspensions } from '../../src/plan/suspended.ts';
import { address, applied, assignment, device, domain, entry, held, observed, ours, policy, source } from '../world.ts';

/** Two of one slot, one more on their bus, and others: some below a port, one on the root bus. */
const DEVICES = [
  '0000:01:00.0',
  '0000:01:00.1',
  '0000:01:01.0',
  '0000:02:00.0',
  '0000:03:00.0',
  '0000:04:00.0',
  '0000:00:05.0',
] as const;
const NAMES = ['red', 'blue', 'green', 'black', 'white'] as const;
const ASSIGNMENTS = ['a0', 'a1', 'a2', 'a3', 'a4', 'before'] as const;

const one = <T>(...values: readonly T[]): fc.Arbitrary<T> => fc.constantFrom(...values);
const text = one(...DEVICES);
const name = one(...NAMES);
const domid = one(1, 2, 3, 4, 5);
const pathOf = (at: string): PciPath =>
  (at.startsWith('0000:00') ? '00_05.0' : `00_${at.slice(5, 7)}.0/00_${at.slice(8)}`) as PciPath;

const place: fc.Arbitrary<Place> = fc.oneof(
  one<Place>({ at: 'host' }, { at: 'assignable' }),
  domid.map((number): Place => ({ at: 'guest', domid: number, domain: NAMES[number - 1] ?? '' })),
);

const anyDevice = (at: string): fc.Arbitrary<ObservedDevice> =>
  fc
    .record({
      place,
      card: one('10d3', '10d3', '10fb'),
      resetMethods: one(['flr'], ['flr'], ['bus'], []),
      more: one<Partial<ObservedDevice>>(
        ...Array.from({ length: 6 }, () => ({})),
        { dead: 'it is silent' },
        { virtual: true },
        { present: false },
        { settled: false },
        { unfiltered: true },
        { uses: [{ guard: 'MountedFilesystem', text: 'it is mounted' }] },
      ),
    })
    .map(found =>
      device(at, found.place, {
        path: pathOf(at),
        identity: { vendor: '8086', device: found.card, class: at.startsWith('0000:04') ? '0100' : '0200' },
        resetMethods: found.resetMethods,
        ...found.more,
      }),
    );

const hostdevs: fc.Arbitrary<HostdevEntry[]> = fc.uniqueArray(
  fc.tuple(text, fc.boolean()).map(([at, isOurs]) => {
    const { alias: _, ...foreign } = ours(address(at));
    return isOurs ? ours(address(at)) : foreign;
  }),
  { maxLength: 2, selector: ({ address: at }) => at },
);

/** Numbers and UUIDs stay with their names, but not always: domains are renamed, and one name may be there twice. */
const anyDomain = (uuid: string): fc.Arbitrary<ObservedDomain> =>
  fc
    .record({
      called: one(uuid, uuid, uuid, ...NAMES),
      running: fc.boolean(),
      state: one<ObservedDomain['state']>('running', 'running', 'running', 'paused', 'changing'),
      type: one<ObservedDomain['type']>('pv', 'pv', 'hvm', 'pvh'),
      passthrough: one<ObservedDomain['passthrough']>('on', 'on', 'off'),
      live: hostdevs,
      stored: fc.option(hostdevs, { nil: undefined, freq: 5 }),
    })
    .map(({ called, running, state, type, passthrough, live, stored }) => {
      const number = (NAMES as readonly string[]).indexOf(uuid) + 1;
      const { stored: _, ...found } = domain(called, {
        uuid: `uuid-${uuid}`,
        type,
        passthrough,
        ...(running ? { domid: number, state, live } : {}),
      });
      return stored === undefined ? found : { ...found, stored: { hostdevs: stored, passthrough: true } };
    });

const locator: fc.Arbitrary<Partial<DeviceEntry> & { readonly at: string }> = fc.oneof(
  { weight: 6, arbitrary: text.map(at => ({ at })) },
  { weight: 2, arbitrary: text.map(at => ({ at, path: pathOf(at) })) },
  { weight: 1, arbitrary: one('10d3', '10fb').map(card => ({ at: '', selector: { device: card, class: '0200' } })) },
);

const anyEntry: fc.Arbitrary<DeviceEntry> = fc
  .record({
    locator,
    sharing: one<DeviceEntry['sharing']>('Exclusive', 'FirstStarted', 'FirstStarted'),
    whenMissing: one<DeviceEntry['whenMissing']>('Fail', 'Ignore'),
    reset: one<DeviceEntry['reset']>('Strict', 'BestEffort'),
    permissive: one(false, false, true),
  })
  .map(({ locator: { at, ...found }, ...rest }) => entry(`e${at}${found.path ?? ''}`, at, { ...found, ...rest }));

const selectorOf: fc.Arbitrary<DomainSelector> = name.chain(each =>
  one<DomainSelector>({ name: each }, { name: each }, { uuid: `uuid-${each}` }, { name: 'nowhere' }),
);

const anyAssignment = (called: string): fc.Arbitrary<SourcedAssignment> =>
  fc
    .record({
      domain: selectorOf,
      devices: fc.uniqueArray(anyEntry, { maxLength: 2, selector: each => each.name }),
      updatePolicy: one<PCIAssignment['spec']['updatePolicy']>('Live', 'Live', 'OnNextStart'),
      whenStopped: one<PCIAssignment['spec']['whenStopped']>('Assignable', 'Host'),
      deletionPolicy: one<PCIAssignment['spec']['deletionPolicy']>('Assignable', 'Host', 'Orphan'),
      driftPolicy: one<PCIAssignment['spec']['driftPolicy']>('Correct', 'Correct', 'Report'),
      suspend: one(false, false, false, true),
    })
    .map(({ devices, ...spec }) => assignment(called, '', devices, spec));

const anyRecord = (at: string): fc.Arbitrary<HeldDevice> =>
  fc
    .record({
      called: name,
      hasUuid: one(true, true, false),
      assignment: one(...ASSIGNMENTS),
      deletionPolicy: one<HeldDevice['deletionPolicy']>('Assignable', 'Host', 'Orphan'),
      updatePolicy: one<HeldDevice['updatePolicy']>('Live', 'OnNextStart'),
    })
    .map(({ called, hasUuid, ...rest }) =>
      held(at, { domain: { name: called, ...(hasUuid ? { uuid: `uuid-${called}` } : {}) }, ...rest }),
    );

/** A host, its manifests, what is remembered, and what stands by itself. */
export interface Scene {
  readonly basis: Basis;
  readonly standing: Standing;
}

const some = <T>(keys: readonly string[], of: (key: string) => fc.Arbitrary<T>): fc.Arbitrary<T[]> =>
  fc.subarray([...keys]).chain(list => fc.tuple(...list.map(of)));

/** Any scene of a few devices and domains. */
export const scene: fc.Arbitrary<Scene> = fc
  .record({
    devices: some(DEVICES, anyDevice),
    domains: some(NAMES, anyDomain),
    assignments: some(ASSIGNMENTS.slice(0, 5), anyAssignment),
    records: some(DEVICES, anyRecord),
  })
  .map(({ devices, domains, assignments, records }) => ({
    basis: {
      observed: observed(devices, domains),
      source: source(assignments, { policy: policy({ forceDetach: true, maxDetachesPerPass: 1 }) }),
      inventory: new Map(records.map(each => [each.address, each])),
    },
    standing: { approved: [], failures: () => 0 },
  }));

/** One change of a scene. Whatever it does not concern stays the same object. */
export type Change = (scene: Scene, decided: Plan) => Scene;

const ofDevice: fc.Arbitrary<Change> = text.chain(at =>
  fc.option(anyDevice(at), { nil: undefined, freq: 6 }).map(found => ({ basis, ...rest }) => {
    const devices = new Map(basis.observed.devices);
    if (found === undefined) devices.delete(address(at));
    else devices.set(address(at), found);
    return { ...rest, basis: { ...basis, observed: { ...basis.observed, devices } } };
  }),
);

const ofDomain: fc.Arbitrary<Change> = name.chain(uuid =>
  fc.option(anyDomain(uuid), { nil: undefined, freq: 6 }).map(found => ({ basis, ...rest }) => {
    const domains = replaced(basis.observed.domains, each => each.uuid === `uuid-${uuid}`, found);
    return { ...rest, basis: { ...basis, observed: { ...basis.observed, domains } } };
  }),
);

const ofAssignment: fc.Arbitrary<Change> = one(...ASSIGNMENTS.slice(0, 5)).chain(called =>
  fc.option(anyAssignment(called), { nil: undefined, freq: 6 }).map(
    found => scene =>
      withSource(scene, desired => ({
        ...desired,
        assignments: replaced(desired.assignments, each => each.assignment.metadata.name === called, found),
      })),
  ),
);

const ofRecord: fc.Arbitrary<Change> = text.chain(at =>
  fc.option(anyRecord(at), { nil: undefined, freq: 4 }).map(found => ({ basis, ...rest }) => {
    const inventory = new Map(basis.inventory);
    if (found === undefined) inventory.delete(address(at));
    else inventory.set(address(at), found);
    return { ...rest, basis: { ...basis, inventory } };
  }),
);

/** What holds for the whole host. */
const ofRules: fc.Arbitrary<Change> = fc.oneof(
  fc.record({ maxDetachesPerPass: fc.nat(2), allow: fc.subarray<SwitchableGuard>(['SharedSlot', 'NoReset']) }).map(
    (spec): Change =>
      from =>
        withSource(from, desired => ({ ...desired, policy: policy({ ...spec, forceDetach: true }) })),
  ),
  fc.boolean().map(
    (complete): Change =>
      from =>
        withSource(from, desired => ({ ...desired, complete })),
  ),
  fc.subarray([...ASSIGNMENTS]).map((names): Change => {
    const suspended = names.map(each => ({ assignment: each, since: 0, by: 'anna' }));
    return from => withSource(from, desired => withSuspensions(desired, { suspended, resumed: [] }));
  }),
  one<Change>(({ basis, ...rest }) => {
    const { iommu } = basis.observed;
    const other = { state: iommu.state === 'present' ? 'absent' : 'present' } as const;
    return { ...rest, basis: { ...basis, observed: { ...basis.observed, iommu: other } } };
  }),
  // Another order, of the same objects.
  one<Change>(from => withSource(from, desired => ({ ...desired, assignments: desired.assignments.toReversed() }))),
);

const ofStanding: fc.Arbitrary<Change> = fc
  .tuple(fc.subarray([...DEVICES]), fc.subarray([...DEVICES]), fc.subarray([1, 2, 3, 4, 5]))
  .map(([failing, devices, instances]) => ({ basis }) => ({
    basis,
    standing: {
      failures: at => (failing.some(each => each === at) ? 5 : 0),
      approved: instances.flatMap(id =>
        devices.map(at => ({ device: address(at), uuid: `uuid-${NAMES[id - 1]}`, domid: id, until: 1 })),
      ),
    },
  }));

/** What the loop does: it remembers the plan, and takes a step of it. */
const ofLoop: fc.Arbitrary<Change> = fc.nat(5).map(which => ({ basis, standing }, decided) => {
  const steps = nextSteps(decided);
  const step = steps[which % Math.max(1, steps.length)];
  const after = step === undefined ? basis.observed : applied(basis.observed, step);
  return { standing, basis: { ...basis, observed: after, inventory: decided.inventory } };
});

/** What happens to a scene, one thing after the other. */
export const changes: fc.Arbitrary<Change[]> = fc.array(
  fc.oneof(ofDevice, ofDomain, ofAssignment, ofAssignment, ofRecord, ofRules, ofStanding, ofLoop, ofLoop),
  { minLength: 1, maxLength: 8 },
);

function withSource({ basis, ...rest }: Scene, change: (desired: Basis['source']) => Basis['source']): Scene {
  return { ...rest, basis: { ...basis, source: change(basis.source) } };
}

/** The list with one of it replaced, added or taken away. */
function replaced<T>(list: readonly T[], isIt: (item: T) => boolean, by: T | undefined): T[] {
  const at = list.findIndex(isIt);
  if (at === -1) return by === undefined ? [...list] : [...list, by];
  return by === undefined ? list.toSpliced(at, 1) : list.with(at, by);
}
