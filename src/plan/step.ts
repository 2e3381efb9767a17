import type { Address } from '../api/address.ts';
import type { SwitchableGuard } from '../api/guards.ts';
import type { Identity } from '../api/identity.ts';
import type { GuestUnbind } from '../api/manifest.ts';
import type { PciPath } from '../api/path.ts';
import type { Place } from './observed.ts';

/** Through which program a running domain is changed. */
export type Toolstack = 'libvirt' | 'xl';

/** The running instance that a step is about. */
export interface Guest {
  readonly name: string;
  readonly uuid: string;
  readonly domid: number;
}

/** The card that a step was decided for: an address may come to mean another one before the step is taken. */
export interface Card {
  readonly identity: Identity;
  readonly path: PciPath;
}

/** host to assignable. */
export interface BindStep {
  readonly verb: 'bind';
  readonly device: Address;
  /** Guards that are switched off: what dom0 uses the device for in these ways does not matter. */
  readonly allow?: readonly SwitchableGuard[];
  /** Every step of a plan has it. */
  readonly card?: Card;
}

/** Stays assignable, and pciback forgets that it was permissive for an earlier guest. */
export interface RebindStep {
  readonly verb: 'rebind';
  readonly device: Address;
  readonly card?: Card;
}

/** assignable to guest. */
export interface AttachStep {
  readonly verb: 'attach';
  readonly device: Address;
  readonly guest: Guest;
  readonly via: Toolstack;
  readonly permissive: boolean;
  /** Every step of a plan has it. */
  readonly card?: Card;
}

/** guest to assignable. */
export interface DetachStep {
  readonly verb: 'detach';
  readonly device: Address;
  readonly guest: Guest;
  readonly via: Toolstack;
  /** The insertion of the card that the guest has: see ObservedDevice. Every step of a plan has it where the look shows it. */
  readonly insertion?: string;
  /** What makes the guest let go of it first. */
  readonly unbind?: GuestUnbind;
  /** Torn from the guest, which has refused to let go. Always through xl. */
  readonly force?: true;
}

/** assignable to host. Stays on the host where an earlier one was cut off before a driver had the device again. */
export interface ReleaseStep {
  readonly verb: 'release';
  readonly device: Address;
  /** The driver it had before, for when xl does not know it. */
  readonly driver?: string;
}

/** A change of a domain's stored definition. */
export interface ConfigureStep {
  readonly verb: 'configure';
  readonly domain: { readonly name: string; readonly uuid: string };
  readonly add: readonly { readonly device: Address; readonly permissive: boolean }[];
  readonly remove: readonly Address[];
  /** Switch `<passthrough state='on'/>` on. */
  readonly passthrough: boolean;
}

export type DeviceStep = BindStep | RebindStep | AttachStep | DetachStep | ReleaseStep;
export type Step = DeviceStep | ConfigureStep;

/** What a step is queued, backed off and reported under: the device's address, or `domain/NAME`. */
export function stepKey(step: Step): string {
  return step.verb === 'configure' ? `domain/${step.domain.name}` : step.device;
}

/** What a step is about, without how it is done: another way to the same end is still the same step. */
export function stepIdentity(step: Step): string {
  return 'guest' in step ? `${step.verb} ${step.device} ${step.guest.domid}` : JSON.stringify(step);
}

/** The domain whose other steps this one must not overlap, by UUID. */
export function stepDomain(step: Step): string | undefined {
  switch (step.verb) {
    case 'attach':
    case 'detach':
      return step.guest.uuid;
    case 'configure':
      return step.domain.uuid;
    case 'bind':
    case 'rebind':
    case 'release':
      return undefined;
  }
}

/**
 * What a step does to the place of its device: the model that plans are checked against.
 * @returns the place afterwards, or undefined when the step is illegal from `place`.
 */
export function effect(step: DeviceStep, place: Place): Place | undefined {
  switch (step.verb) {
    case 'bind':
      return place.at === 'host' ? { at: 'assignable' } : undefined;
    case 'rebind':
      return place.at === 'assignable' ? place : undefined;
    case 'attach':
      return place.at === 'assignable' ? { at: 'guest', domid: step.guest.domid, domain: step.guest.name } : undefined;
    case 'detach':
      return place.at === 'guest' && place.domid === step.guest.domid ? { at: 'assignable' } : undefined;
    case 'release':
      return place.at === 'guest' ? undefined : { at: 'host' };
  }
}

/** A step as a sentence for people. */
export function stepText(step: Step): string {
  switch (step.verb) {
    case 'bind':
      return `bind ${step.device} to pciback`;
    case 'rebind':
      return `bind ${step.device} to pciback anew, which ends permissive`;
    case 'attach':
      return `attach ${step.device} to ${step.guest.name}${step.via === 'xl' ? ' (through xl)' : ''}`;
    case 'detach':
      return `detach ${step.device} from ${step.guest.name}${detachText(step)}`;
    case 'release':
      return `release ${step.device} to the host`;
    case 'configure':
      return `configure ${step.domain.name}: ${configureText(step)}`;
  }
}

function detachText({ via, unbind, force }: DetachStep): string {
  const notes = [
    ...(unbind === undefined ? [] : ['after guestUnbind']),
    ...(force === true ? ['by force'] : []),
    ...(via === 'xl' ? ['through xl'] : []),
  ];
  return notes.length === 0 ? '' : ` (${notes.join(', ')})`;
}

function configureText(step: ConfigureStep): string {
  const isReplaced = (device: Address): boolean =>
    step.remove.includes(device) && step.add.some(entry => entry.device === device);
  return [
    ...step.remove.filter(device => !isReplaced(device)).map(device => `remove ${device}`),
    ...step.add.map(({ device }) => `${isReplaced(device) ? 'replace' : 'add'} ${device}`),
    ...(step.passthrough ? ['enable PCI passthrough'] : []),
  ].join(', ');
}
