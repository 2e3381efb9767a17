import type { Address } from '../api/address.ts';
import type { SwitchableGuard } from '../api/guards.ts';
import { type Place, samePlace } from './observed.ts';
import type { Card, DetachStep, DeviceStep, Guest, Toolstack } from './step.ts';

/** What the ladder needs to know beside the two places. */
export interface LadderTerms {
  readonly device: Address;
  /** What is at that address now. */
  readonly card?: Card;
  /** The guest that has it, and how it is taken away; given exactly when `have` is a guest. */
  readonly holder?: Omit<DetachStep, 'verb' | 'device'>;
  /** The guest that gets it, and how; given exactly when `want` is a guest. */
  readonly taker?: { readonly guest: Guest; readonly via: Toolstack; readonly permissive: boolean };
  /** The guards that are switched off, when it is taken from the host. */
  readonly allow: readonly SwitchableGuard[];
  /** Whether pciback is to forget that the device was permissive, if it comes to rest there. */
  readonly refilter?: boolean;
  /** The driver to go back to, when `want` is the host. */
  readonly driver?: string;
  /** Whether it is on the host and without that driver: a step was cut off between one driver and the next. */
  readonly driverless?: boolean;
}

/** The steps that move one device from where it is to where it should be: down the ladder, then up. */
export function ladder(have: Place, want: Place, terms: LadderTerms): DeviceStep[] {
  const { device, card, holder, taker, driver, allow } = terms;
  const expected = card === undefined ? {} : { card };
  const refilter: DeviceStep[] =
    want.at === 'assignable' && terms.refilter === true ? [{ verb: 'rebind', device, ...expected }] : [];
  const release: DeviceStep = { verb: 'release', device, ...(driver === undefined ? {} : { driver }) };
  if (samePlace(have, want)) return want.at === 'host' && terms.driverless === true ? [release] : refilter;
  const steps: DeviceStep[] = [];
  if (holder !== undefined) steps.push({ verb: 'detach', device, ...holder });
  if (have.at === 'host') steps.push({ verb: 'bind', device, ...expected, ...(allow.length === 0 ? {} : { allow }) });
  if (want.at === 'host') steps.push(release);
  if (taker !== undefined) steps.push({ verb: 'attach', device, ...taker, ...expected });
  return [...steps, ...refilter];
}
