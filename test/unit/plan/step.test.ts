/** The model of what steps do to places, and steps in words. */
import { describe, expect, test } from 'vitest';
import type { Place } from '../../../src/plan/observed.ts';
import {
  type DeviceStep,
  effect,
  type Step,
  stepDomain,
  stepIdentity,
  stepKey,
  stepText,
} from '../../../src/plan/step.ts';
import { address } from '../../world.ts';

const device = address('0000:01:00.0');
const guest = { name: 'red', uuid: 'uuid-red', domid: 1 };
const PLACES: Readonly<Record<string, Place>> = {
  host: { at: 'host' },
  assignable: { at: 'assignable' },
  red: { at: 'guest', domid: 1, domain: 'red' },
  blue: { at: 'guest', domid: 2, domain: 'blue' },
};
const STEPS: readonly DeviceStep[] = [
  { verb: 'bind', device },
  { verb: 'rebind', device },
  { verb: 'attach', device, guest, via: 'libvirt', permissive: false },
  { verb: 'detach', device, guest, via: 'libvirt' },
  { verb: 'release', device },
];

describe('a step', () => {
  test('leads from few places to one', () => {
    const name = (place: Place | undefined): string =>
      Object.entries(PLACES).find(([, known]) => JSON.stringify(known) === JSON.stringify(place))?.[0] ?? '-';
    const table = STEPS.map(step => [step.verb, ...Object.values(PLACES).map(place => name(effect(step, place)))]);
    expect([['', ...Object.keys(PLACES)], ...table]).toEqual([
      ['', 'host', 'assignable', 'red', 'blue'],
      ['bind', 'assignable', '-', '-', '-'],
      ['rebind', '-', 'assignable', '-', '-'],
      ['attach', '-', 'red', '-', '-'],
      ['detach', '-', '-', 'assignable', '-'],
      ['release', 'host', 'host', '-', '-'],
    ]);
  });

  test('goes by its device, and by its domain when it changes a definition', () => {
    const configure: Step = { verb: 'configure', domain: guest, add: [], remove: [device], passthrough: false };
    expect(STEPS.map(stepKey)).toEqual(STEPS.map(() => device));
    expect(stepKey(configure)).toBe('domain/red');
  });

  test('is the same one whichever way it is done, and another one for another instance of the guest', () => {
    const attach = { verb: 'attach', device, guest, via: 'libvirt', permissive: false } as const;
    const other = { ...attach, guest: { ...guest, domid: 2 } };
    expect(stepIdentity({ ...attach, via: 'xl', permissive: true })).toBe(stepIdentity(attach));
    const all = [...STEPS, other, { verb: 'bind', device: address('0000:02:00.0') } as const].map(stepIdentity);
    expect(new Set(all).size).toBe(all.length);
  });

  test('is about the domain that it changes, if it changes one', () => {
    const configure: Step = { verb: 'configure', domain: guest, add: [], remove: [device], passthrough: false };
    expect([...STEPS, configure].map(step => [step.verb, stepDomain(step)])).toEqual([
      ['bind', undefined],
      ['rebind', undefined],
      ['attach', 'uuid-red'],
      ['detach', 'uuid-red'],
      ['release', undefined],
      ['configure', 'uuid-red'],
    ]);
  });

  test('tells what a definition gets and loses, and what is the same device anew', () => {
    const other = address('0000:02:00.0');
    const configure: Step = {
      verb: 'configure',
      domain: guest,
      add: [{ device, permissive: true }],
      remove: [other],
      passthrough: true,
    };
    expect(stepText(configure)).toBe('configure red: remove 0000:02:00.0, add 0000:01:00.0, enable PCI passthrough');
    expect(stepText({ ...configure, remove: [device, other], passthrough: false })).toBe(
      'configure red: remove 0000:02:00.0, replace 0000:01:00.0',
    );
  });

  test('tells how a guest is made to let go', () => {
    const detach = { verb: 'detach', device, guest, via: 'libvirt' } as const;
    const unbind = { command: ['true'], timeoutSeconds: 30, onFailure: 'Refuse' } as const;
    expect(stepText(detach)).toBe('detach 0000:01:00.0 from red');
    expect(stepText({ ...detach, unbind })).toBe('detach 0000:01:00.0 from red (after guestUnbind)');
    expect(stepText({ ...detach, via: 'xl', unbind, force: true })).toBe(
      'detach 0000:01:00.0 from red (after guestUnbind, by force, through xl)',
    );
  });
});
