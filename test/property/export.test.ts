import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { SourcedAssignment } from '../../src/api/manifest.ts';
import type { PciPath } from '../../src/api/path.ts';
import { exportedAssignments } from '../../src/cli/export/exported.ts';
import { exportText } from '../../src/cli/export/text.ts';
import type { Observed, ObservedDomain, Place } from '../../src/plan/observed.ts';
import { plan, planSteps } from '../../src/plan/plan.ts';
import { parseManifestFile } from '../../src/source/manifest-file.ts';
import { address, device, domain, observed, ours, source } from '../world.ts';

const DEVICES = ['0000:01:00.0', '0000:01:00.1', '0000:02:00.0', '10000:e0:06.0'];
const CLASSES = ['0200', '0108', '0c03', '0604'];
const NAMES = ['red', 'Blue_2', '-', 'naïve name', 'blue 2', '8086'];

const domainArb = (index: number): fc.Arbitrary<ObservedDomain> =>
  fc
    .record({
      name: fc.constantFrom(...NAMES),
      state: fc.constantFrom<ObservedDomain['state']>('running', 'paused', 'changing', 'shutoff'),
      toolstack: fc.constantFrom<ObservedDomain['toolstack']>('libvirt', 'libvirt', 'xl'),
      passthrough: fc.constantFrom<ObservedDomain['passthrough']>('on', 'off', 'unknown'),
      type: fc.constantFrom<ObservedDomain['type']>('pv', 'hvm', 'pvh'),
      stored: fc.subarray(DEVICES),
      foreign: fc.boolean(),
    })
    .map(({ name, stored, foreign, state, toolstack, ...more }) => {
      const running = toolstack === 'xl' || state !== 'shutoff';
      const hostdevs = stored.map(text => {
        const { alias: _, ...entry } = ours(address(text));
        return foreign ? entry : ours(address(text));
      });
      const base = domain(name, { ...more, uuid: uuid(index), toolstack });
      const { stored: _, ...bare } = base;
      return {
        ...(toolstack === 'xl' ? bare : { ...base, stored: { hostdevs, passthrough: foreign } }),
        state: running && state === 'shutoff' ? 'running' : state,
        ...(running ? { domid: index + 1 } : {}),
      };
    });

function uuid(index: number): string {
  return `00000000-0000-4000-8000-00000000000${index}`;
}

const worldArb: fc.Arbitrary<Observed> = fc
  .tuple(
    fc.tuple(domainArb(0), domainArb(1), domainArb(2)),
    fc.array(
      fc.record({
        at: fc.constantFrom('host', 'assignable', 'guest'),
        domid: fc.constantFrom(1, 2, 3),
        present: fc.constantFrom(true, true, true, false),
        resets: fc.boolean(),
        permissive: fc.boolean(),
        code: fc.constantFrom(...CLASSES),
      }),
      { minLength: DEVICES.length, maxLength: DEVICES.length },
    ),
  )
  .map(([domains, states]) => {
    const devices = DEVICES.map((text, index) => {
      const { at = 'host', domid = 1, present = true, resets, permissive, code = '0200' } = states[index] ?? {};
      const holder = domains.find(item => item.domid === domid);
      const guest: Place | undefined = holder && { at: 'guest', domid, domain: holder.name };
      const place: Place = at === 'guest' ? (guest ?? { at: 'assignable' }) : { at: at as 'host' };
      return device(text, place, {
        path: `00_1${index}.0/00_00.0` as PciPath,
        present: present || place.at === 'guest',
        identity: { vendor: '8086', device: '0010', class: code },
        resetMethods: resets === true ? ['flr'] : [],
        ...(place.at === 'guest' && permissive !== undefined ? { permissive } : {}),
      });
    });
    return observed(devices, domains);
  });

function exported(world: Observed, byAddress: boolean): { text: string; problems: unknown; read: SourcedAssignment[] } {
  const text = exportedAssignments(world)
    .map(item => exportText(item, byAddress))
    .join('---\n');
  if (text === '') return { text, problems: [], read: [] };
  const { assignments, problems } = parseManifestFile('export.yaml', Buffer.from(text));
  return { text, problems, read: assignments.map(({ sourced }) => sourced) };
}

test('what is exported is valid, and under it no device is moved', () => {
  fc.assert(
    fc.property(worldArb, fc.boolean(), (world, byAddress) => {
      const { text, problems, read } = exported(world, byAddress);
      expect(problems, text).toEqual([]);
      const names = read.map(({ assignment }) => assignment.metadata.name);
      expect(new Set(names).size).toBe(names.length);
      const decided = plan(world, source(read), new Map());
      const steps = planSteps(decided).filter(step => step.verb !== 'configure');
      expect(steps, text).toEqual([]);
      for (const { claims } of decided.devices.values()) expect(claims.length).toBe(1);
    }),
    { numRuns: 500 },
  );
});

test('all that domains have is exported, each once', () => {
  fc.assert(
    fc.property(worldArb, world => {
      const had = [...world.devices.values()].filter(({ place }) => place.at === 'guest').map(item => item.address);
      const stored = world.domains.flatMap(item => item.stored?.hostdevs.map(entry => entry.address) ?? []);
      const named = exported(world, true).read.flatMap(({ assignment }) =>
        assignment.spec.devices.map(entry => entry.address),
      );
      expect(named.toSorted()).toEqual([...new Set([...had, ...stored])].toSorted());
    }),
    { numRuns: 300 },
  );
});
