import { mkdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname } from 'node:path';
import fc from 'fast-check';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { computeStatus } from '../../../../src/controller/status.ts';
import { lastLook } from '../../../../src/daemon/api/last-look.ts';
import { encodeLook, lookTexts } from '../../../../src/daemon/api/look-text.ts';
import { LookTextError } from '../../../../src/daemon/api/look-text-error.ts';
import { decodeLook } from '../../../../src/daemon/api/served-look.ts';
import { socketPath } from '../../../../src/daemon/api/socket-file.ts';
import type { Place } from '../../../../src/plan/observed.ts';
import { plan } from '../../../../src/plan/plan.ts';
import { standingOf } from '../../../../src/plan/standing.ts';
import { address, assignment, device, domain, entry, observed, ours, policy, source } from '../../../world.ts';
import { tempLayout } from '../temp-layout.ts';
import { lookAt, served } from './served.ts';

const NICS = ['0000:03:00.0', '0000:03:00.1', '0000:04:00.0'] as const;
const WRITER = { manifests: '/m', controller: 4711, version: '1.2.3' };

const look = () =>
  lookAt(
    observed([device(NICS[0], { at: 'host' })], [domain('red', { domid: 1 }), domain('off')]),
    source([assignment('web', 'red', [entry('lan', NICS[0])])]),
  );

const placeArb: fc.Arbitrary<Place> = fc.constantFrom<Place>(
  { at: 'host' },
  { at: 'assignable' },
  { at: 'guest', domid: 1, domain: 'red' },
);

/** Looks as the controller makes them: with failures, approvals, a policy, a record, and names of all kinds. */
const lookArb = fc
  .record({
    places: fc.tuple(placeArb, placeArb, placeArb),
    name: fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('__proto__', 'constructor', '\u009b1m')),
    named: fc.subarray([...NICS]),
    held: fc.subarray([...NICS]),
    failed: fc.nat(5),
    isApproved: fc.boolean(),
    rules: fc.option(fc.nat(3), { nil: undefined }),
    now: fc.integer({ min: 0, max: 4e12 }),
  })
  .map(({ places, name, named, held, failed, isApproved, rules, now }) => {
    const devices = NICS.map((text, index) => device(text, places[index] ?? { at: 'host' }));
    const live = devices.filter(({ place }) => place.at === 'guest').map(found => ours(found.address));
    const world = observed(devices, [domain('red', { domid: 1, live }), domain(name)]);
    const entries = named.map((text, index) => entry(`d${index}`, text, { whenMissing: 'Ignore' }));
    const desired = source([assignment('web', 'red', entries), assignment('other', name, [])], {
      ...(rules === undefined ? {} : { policy: policy({ maxDetachesPerPass: rules }) }),
      elsewhere: { objects: 1, host: name },
    });
    const record = { assignment: 'before', entry: 'x', deletionPolicy: 'Assignable', updatePolicy: 'Live' } as const;
    const inventory = new Map(
      held.map(text => [address(text), { ...record, address: address(text), domain: { name, uuid: 'uuid-red' } }]),
    );
    const approved = { device: address(NICS[0]), uuid: 'uuid-red', domid: 1, until: now + 1 };
    const approvals = isApproved ? [approved] : [];
    const failures = new Map([[NICS[1] as string, failed]]);
    const decided = plan(world, desired, inventory, standingOf(approvals, failures));
    const failure = (): { count: number; error: string; since: number; until: number } | undefined =>
      failed === 0 ? undefined : { count: failed, error: name, since: now, until: now + 1 };
    const status = computeStatus({ plan: decided, observed: world, source: desired, failure, open: [], now });
    return { observed: world, source: desired, inventory, approvals, failures, plan: decided, status, now };
  });

describe('a look as text', () => {
  test('is read again as it was, with the plan that was left out', () => {
    fc.assert(
      fc.property(lookArb, given => {
        const { look: read, ...rest } = decodeLook(encodeLook(given, WRITER), '1.2.3');
        expect(read).toEqual(given);
        expect(rest).toEqual({ manifests: '/m', controller: 4711 });
      }),
    );
  });

  test('is written when somebody asks, and only once', () => {
    const texts = lookTexts(WRITER);
    const given = look();
    const observe = vi.fn(() => given.status);
    const lazy = Object.defineProperty({ ...given }, 'status', { get: observe });
    expect(texts(lazy)).toBe(texts(lazy));
    expect(observe).toHaveBeenCalledTimes(1);
    expect(texts(look())).toContain('"format":"xenpci-look/1 1.2.3"');
  });

  test('of another version is not read', () => {
    expect(() => decodeLook(encodeLook(look(), WRITER), '1.2.4')).toThrow('is of another version of xenpci');
    expect(() => decodeLook('{}', '1.2.3')).toThrow('is of another version of xenpci');
  });

  test('that is garbled is refused with one sentence, or is a look all the same', () => {
    const text = encodeLook(look(), WRITER);
    const splice = fc.record({ at: fc.nat(text.length), cut: fc.nat(40), put: fc.string({ maxLength: 5 }) });
    fc.assert(
      fc.property(splice, ({ at, cut, put }) => {
        try {
          decodeLook(`${text.slice(0, at)}${put}${text.slice(at + cut)}`, '1.2.3');
        } catch (error) {
          expect(error).toBeInstanceOf(LookTextError);
        }
      }),
      { numRuns: 1_000 },
    );
  });

  test.each([
    ['observed.devices.0.place', { at: 'nowhere' }],
    ['observed.devices.0.address', '0000:3:0.0'],
    ['observed.domains.0.live', {}],
    ['source.assignments.0.assignment.spec.devices', null],
    ['status.assignments.0.conditions.0.message', 7],
    ['inventory', [{ address: '__proto__' }]],
  ])('with a wrong %s is no look', (path, value) => {
    const record = JSON.parse(encodeLook(look(), WRITER)) as object;
    const keys = path.split('.');
    const last = keys.pop() ?? '';
    const parent = keys.reduce((part, key) => (part as Record<string, object>)[key] ?? {}, record);
    (parent as Record<string, unknown>)[last] = value;
    expect(() => decodeLook(JSON.stringify(record), '1.2.3')).toThrow(`answers what is no look: ${path}`);
  });

  test('gives no object another prototype', () => {
    const text = encodeLook(look(), WRITER).replaceAll(/\{(?=")/g, '{"__proto__":{"polluted":true},');
    const { look: read } = decodeLook(text, '1.2.3');
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
    expect((read.observed.devices.get(address(NICS[0])) as { polluted?: boolean }).polluted).toBeUndefined();
    expect((read.source.assignments[0]?.assignment as { polluted?: boolean } | undefined)?.polluted).toBeUndefined();
  });
});

describe('asking for the last look', () => {
  const asked = (layout = tempLayout(), more = {}) => lastLook(layout, { version: '1.2.3', ...more });

  test('a controller that serves it', async () => {
    const { layout, pass } = await served();
    const given = look();
    pass(given);
    expect(await asked(layout)).toEqual({ look: given, manifests: '/m', controller: process.pid });
  });

  test('nobody, and one that is gone', async () => {
    expect(await asked()).toMatchObject({ none: 'NoController' });
    const { layout, close } = await served();
    await close();
    expect(await asked(layout)).toMatchObject({ none: 'NoController' });
  });

  test('one that has not looked yet, and one whose last pass could not', async () => {
    const { layout, pass } = await served();
    expect(await asked(layout)).toMatchObject({ none: 'NotYet' });
    pass({ ...look(), now: Date.now() - 240_000 });
    pass();
    expect(await asked(layout)).toEqual({ none: 'Unusable', why: "the controller's last look is 4 min old" });
    pass(look());
    expect(await asked(layout)).toMatchObject({ controller: process.pid });
  });

  test('one of another version, or that knows no looks', async () => {
    const { layout, pass } = await served();
    pass(look());
    const why = 'the controller is of another version of xenpci';
    expect(await asked(layout, { version: '2' })).toEqual({ none: 'Unusable', why });
    expect(await asked(await answering('HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n'))).toEqual({
      none: 'Unusable',
      why,
    });
  });

  test('one that answers nothing', async () => {
    const found = await asked(await answering(''), { answerMs: 50 });
    expect(found).toEqual({ none: 'Unusable', why: 'the controller does not answer within 0.05 s' });
  });

  test.each([
    ['no HTTP', 'SSH-2.0-x\r\n', 'does not answer: Parse Error'],
    ['less than it said', 'HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{}', 'does not answer'],
    ['no JSON', 'HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n{', 'answers what is cut off or no JSON'],
    ['too much', `HTTP/1.1 200 OK\r\n\r\n${'x'.repeat(2_000)}`, 'answers more than 1000 bytes'],
    ['an error', 'HTTP/1.1 500 No\r\ncontent-length: 2\r\n\r\n{}', 'answers with code 500'],
  ])('one that answers %s', async (_, answer, why) => {
    const found = await asked(await answering(answer), { bytesMax: 1_000, answerMs: 60_000 });
    expect(found).toEqual({ none: 'Unusable', why: expect.stringContaining(`the controller ${why}`) });
  });
});

/** A layout whose socket answers each connection with these bytes, and then nothing more. */
async function answering(text: string) {
  const layout = tempLayout();
  const path = socketPath(layout);
  mkdirSync(dirname(path), { recursive: true });
  const server = createServer(socket => {
    socket.on('error', () => undefined);
    socket.once('data', () => {
      if (text.includes('99')) socket.end(text);
      else socket.write(text);
    });
  });
  await new Promise<void>(resolve => server.listen(path, resolve));
  onTestFinished(() => void server.close());
  return layout;
}
