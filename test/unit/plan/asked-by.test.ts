import { describe, expect, test } from 'vitest';
import { type Asker, askedBy, askerText } from '../../../src/plan/asked-by.ts';
import type { HeldDevice, Inventory } from '../../../src/plan/inventory.ts';
import { nextSteps, plan } from '../../../src/plan/plan.ts';
import { stepText } from '../../../src/plan/step.ts';
import { address, assignment, device, domain, entry, observed, ours, source } from '../../world.ts';

const NIC = '0000:01:00.0';
const red = domain('red', { domid: 1 });

/** For each step that may be taken: its text, and who asked for it. */
function asked(
  assignments: ReturnType<typeof assignment>[],
  place: Parameters<typeof device>[1],
  inventory: Inventory = new Map(),
  domains = [red],
): [string, readonly Asker[]][] {
  const decided = plan(observed([device(NIC, place)], domains), source(assignments), inventory);
  return nextSteps(decided).map(step => [stepText(step), askedBy(step, decided, inventory)]);
}

const wanted = assignment('web', 'red', [entry('lan', NIC)]);
const ASKER = { assignment: 'web', entry: 'lan', file: '/manifests/web.yaml', line: 10, hash: wanted.hash };
const HELD: HeldDevice = {
  address: address(NIC),
  assignment: 'gone',
  entry: 'lan',
  domain: { name: 'red', uuid: 'uuid-red' },
  deletionPolicy: 'Host',
  updatePolicy: 'Live',
};

describe('who asked for a step', () => {
  test('the entry that names the device, by file, line and hash; the same for the definition of its domain', () => {
    expect(asked([wanted], { at: 'host' })).toEqual([
      [`configure red: add ${NIC}`, [ASKER]],
      [`bind ${NIC} to pciback`, [ASKER]],
    ]);
  });

  test('the assignment that had it, where no entry names it any more', () => {
    const held = new Map([[HELD.address, HELD]]);
    expect(asked([], { at: 'assignable' }, held)).toEqual([
      [`release ${NIC} to the host`, [{ assignment: 'gone', entry: 'lan' }]],
    ]);
  });

  test('a move is asked for by the entry that wants it now, not by the one that had it', () => {
    const held = new Map([[HELD.address, { ...HELD, assignment: 'old' }]]);
    const blue = domain('blue', { domid: 2 });
    const moved = assignment('new', 'blue', [entry('lan', NIC)]);
    const steps = asked([moved], { at: 'guest', domid: 1, domain: 'red' }, held, [red, blue]);
    const detach = steps.find(([text]) => text.startsWith('detach'));
    expect(detach?.[1].map(({ assignment: name }) => name)).toEqual(['new']);
  });

  test('passthrough alone is asked for by the assignments of the domain', () => {
    const off = domain('red', {
      domid: 1,
      stored: {
        hostdevs: [{ address: address(NIC), alias: `ua-xenpci-x`, managed: false, permissive: false }],
        passthrough: false,
      },
    });
    const steps = asked([wanted], { at: 'host' }, new Map(), [off]);
    const configure = steps.find(([text]) => text.startsWith('configure'));
    expect(configure?.[1].map(askerText)).toEqual([`web (/manifests/web.yaml:1, content ${wanted.hash})`]);
  });

  test('passthrough alone is asked for by no assignment for another uuid', () => {
    const stored = { hostdevs: [ours(address(NIC))], passthrough: false };
    const byUuid = (name: string, uuid: string, text: string) =>
      assignment(name, 'red', [entry('lan', text)], { domain: { uuid } });
    const all = [byUuid('red', 'uuid-red', NIC), byUuid('blue', 'uuid-blue', '0000:02:00.0')];
    const steps = asked(all, { at: 'assignable' }, new Map(), [domain('red', { stored }), domain('blue')]);
    const found = steps.find(([text]) => text === 'configure red: enable PCI passthrough');
    expect(found?.[1].map(({ assignment: name }) => name)).toEqual(['red']);
  });

  test('what leaves a definition is asked for by the entry that had it', () => {
    const stored = { hostdevs: [ours(address(NIC))], passthrough: true };
    const held = new Map([[HELD.address, HELD]]);
    expect(asked([], { at: 'host' }, held, [domain('red', { stored })])).toEqual([
      [`configure red: remove ${NIC}`, [{ assignment: 'gone', entry: 'lan' }]],
    ]);
  });

  test('what is replaced in a definition is asked for by its entry, once', () => {
    const stored = { hostdevs: [ours(address(NIC))], passthrough: true };
    const permissive = assignment('web', 'red', [entry('lan', NIC, { permissive: true })]);
    expect(asked([permissive], { at: 'assignable' }, new Map(), [domain('red', { stored })])).toEqual([
      [`configure red: replace ${NIC}`, [{ ...ASKER, hash: permissive.hash }]],
    ]);
  });

  test('as text for people', () => {
    expect([ASKER, { assignment: 'gone', entry: 'lan' }].map(askerText)).toEqual([
      `web/lan (/manifests/web.yaml:10, content ${wanted.hash})`,
      'gone/lan, whose entry is gone',
    ]);
  });
});
