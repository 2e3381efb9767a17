import type { Address } from '../api/address.ts';
import type { DomainSelector, SourcedAssignment, SourceSnapshot } from '../api/manifest.ts';
import { type Claim, type ResolvedEntry, resolveEntries } from './claims.ts';
import { isHeldFor, isOurs } from './domains.ts';
import { deviceGuard, domainGuard, takingGuard } from './guards.ts';
import type { HeldDevice, Inventory } from './inventory.ts';
import type { HostdevEntry, Observed, ObservedDevice, ObservedDomain } from './observed.ts';
import { recordOf } from './record.ts';
import { suspendedHold } from './suspended.ts';

/** A domain that libvirt is about to start, with the devices that it is to be created with. */
export interface StartingDomain {
  readonly name: string;
  readonly uuid: string;
  readonly type: ObservedDomain['type'];
  readonly hostdevs: readonly HostdevEntry[];
}

/** A device that must be on pciback, and without an earlier guest's write access, when the domain is created. */
export interface StartDevice {
  readonly device: Address;
  readonly permissive: boolean;
  /** What has to be on disk before it is taken from its dom0 driver. */
  readonly record?: HeldDevice;
}

/** Whether a domain may start; messages are one sentence that says what to do. */
export type StartDecision =
  | { readonly verdict: 'go'; readonly devices: readonly StartDevice[] }
  /** Somebody is letting go of a device: it ends by itself. */
  | { readonly verdict: 'wait'; readonly message: string }
  | { readonly verdict: 'refuse'; readonly message: string };

/**
 * Decides whether a domain may start, and what has to be done before. A start is refused only when it would fail
 * anyway, when it would harm the guest that has the device, or when this domain's own manifest says so: an error in the
 * manifest of another domain never keeps one from starting.
 *
 * @param observed a look without libvirt, which cannot be asked while it starts a domain. A device that is only just
 *   being let go of is not settled.
 */
export function decideStart(
  starting: StartingDomain,
  observed: Observed,
  source: SourceSnapshot,
  inventory: Inventory,
): StartDecision {
  const entries = resolveEntries(source.assignments, observed).filter(
    ({ assignment }) => !assignment.assignment.spec.suspend && isFor(assignment, starting),
  );
  const claims = new Map(entries.flatMap(entry => entry.claims.map(claim => [claim.address, claim] as const)));
  const look: Look = { starting, observed, source, inventory, claims };
  const verdicts = [
    ...entries.flatMap(entry => missingEntry(entry, look)),
    ...starting.hostdevs.map(hostdev => judge(hostdev, look)),
  ];
  // A refusal first: whoever waits for a device should not be told after a minute that another one is missing.
  const found = (verdict: StartDecision['verdict']): StartDecision | undefined =>
    verdicts.find(item => item.verdict === verdict);
  const devices = verdicts.flatMap(item => (item.verdict === 'go' ? item.devices : []));
  return found('refuse') ?? found('wait') ?? { verdict: 'go', devices };
}

/** Whether anything has to be looked at before this domain starts. */
export function concernsStart({ name, uuid, hostdevs }: StartingDomain, { assignments }: SourceSnapshot): boolean {
  const isNamed = assignments.some(
    assignment => !assignment.assignment.spec.suspend && isFor(assignment, { name, uuid }),
  );
  return isNamed || hostdevs.length > 0;
}

interface Look {
  readonly starting: StartingDomain;
  readonly observed: Observed;
  readonly source: SourceSnapshot;
  readonly inventory: Inventory;
  /** The claims of the starting domain. */
  readonly claims: ReadonlyMap<Address, Claim>;
}

const GO: StartDecision = { verdict: 'go', devices: [] };

function isFor({ assignment }: SourcedAssignment, domain: { readonly name: string; readonly uuid: string }): boolean {
  const selector: DomainSelector = assignment.spec.domain;
  return 'uuid' in selector ? selector.uuid === domain.uuid : selector.name === domain.name;
}

/** What the manifest wants for this domain and the host does not have, whether or not the definition names it. */
function missingEntry({ entry, claims, hold, origin }: ResolvedEntry, look: Look): StartDecision[] {
  if (entry.whenMissing === 'Ignore') return [];
  const where = `${origin.file}:${origin.line}`;
  if (hold !== undefined) return [refuse(`${entry.name}: ${hold.message}; put it back or remove the entry (${where})`)];
  return claims.flatMap(claim => {
    const device = look.observed.devices.get(claim.address);
    if (device === undefined || !device.present) {
      return [refuse(`device ${claim.address} is missing; put it back or remove it from ${where}`)];
    }
    const guard = deviceGuard(claim, device, look.source.policy);
    // Another card in the slot: the one that the domain must not start without is missing.
    return guard?.reason === 'IdentityMismatch' ? [refuse(`${guard.message} (${where})`)] : [];
  });
}

function judge(hostdev: HostdevEntry, look: Look): StartDecision {
  const claim = look.claims.get(hostdev.address);
  const device = look.observed.devices.get(hostdev.address);
  const held = device === undefined ? undefined : heldVerdict(device, look);
  if (held !== undefined) return held;
  if (claim === undefined && !isOurs(hostdev)) return GO;
  const refusal = domainGuard(look.starting) ?? guardOf(claim, device, look);
  if (refusal !== undefined) return refuse(`${hostdev.address}: ${refusal.message}`);
  if (device === undefined || !device.present) return refuse(missingText(hostdev.address, claim, look.starting));
  // It would have to be taken from dom0, and libvirt starts no domain with a device that dom0 has.
  const use = device.place.at === 'host' ? takingGuard(device, look) : undefined;
  if (use !== undefined) return refuse(use.message);
  return claim === undefined || claim.conflict !== undefined
    ? judgeUnnamed(hostdev, device, claim, look)
    : judgeClaimed(hostdev, device, claim, look);
}

/** libvirt would reset a device that another guest has before libxl refuses it, so whoever has it is protected here. */
function heldVerdict(
  { address, place, settled }: ObservedDevice,
  { starting, observed }: Look,
): StartDecision | undefined {
  if (place.at !== 'guest') return undefined;
  const holder = observed.domains.find(domain => domain.domid === place.domid);
  // An earlier instance of the same domain is on its way out: libvirt starts no domain twice.
  if (!settled || holder?.uuid === starting.uuid) {
    return { verdict: 'wait', message: `${place.domain} has not let go of ${address} yet` };
  }
  return refuse(
    `${place.domain} (domain id ${place.domid}) has ${address}; detach it there (xl pci-detach ${place.domid} ${address}) or shut that domain down`,
  );
}

function guardOf(claim: Claim | undefined, device: ObservedDevice | undefined, { source }: Look) {
  if (claim === undefined || claim.conflict !== undefined || device?.present !== true) return undefined;
  return deviceGuard(claim, device, source.policy);
}

function missingText(address: Address, claim: Claim | undefined, { name }: StartingDomain): string {
  if (claim === undefined) {
    return `device ${address} is missing and no manifest names it; remove it from the definition (virsh edit ${name})`;
  }
  // libvirt would say no more than that it failed, and only after a while.
  return `device ${address} is missing and the definition still has it; xenpci reconcile --once removes it (whenMissing: Ignore)`;
}

function judgeClaimed(hostdev: HostdevEntry, device: ObservedDevice, claim: Claim, look: Look): StartDecision {
  const { address, permissive } = hostdev;
  if (device.place.at !== 'host') return { verdict: 'go', devices: [{ device: address, permissive }] };
  const held = look.inventory.get(address);
  if (look.source.policyUnknown === true && held === undefined) {
    return refuse(`a manifest that cannot be read may protect ${address}; correct it (xenpci validate shows where)`);
  }
  const { name, uuid } = look.starting;
  const record = recordOf(claim, { name, uuid }, { device, held, bootId: look.observed.bootId });
  return { verdict: 'go', devices: [{ device: address, permissive, record }] };
}

/** A device that we put into the definition, and that no valid manifest gives to this domain now. */
function judgeUnnamed(
  hostdev: HostdevEntry,
  device: ObservedDevice,
  claim: Claim | undefined,
  { starting, source, inventory }: Look,
): StartDecision {
  // On pciback and free: the domain starts as it did before the manifest changed or broke.
  if (device.place.at !== 'host') return GO;
  const { address, permissive } = hostdev;
  if (claim?.conflict !== undefined) return refuse(`${address} is not bound to pciback: ${claim.conflict.message}`);
  const held = inventory.get(address);
  // Its entry may be in a file that is broken now; the record is what is left of its last good content.
  if (!source.complete && held !== undefined && isHeldFor(held, starting)) {
    return { verdict: 'go', devices: [{ device: address, permissive, record: held }] };
  }
  const asleep = asleepText(starting, source);
  if (asleep !== undefined) return refuse(`${address} is with dom0 (driver ${device.driver ?? 'none'}), and ${asleep}`);
  const why = source.complete ? 'no manifest gives it to this domain' : 'not every manifest can be read';
  const remedy = source.complete ? `remove it (virsh edit ${starting.name})` : 'xenpci validate shows which';
  return refuse(`${address} is with dom0 (driver ${device.driver ?? 'none'}) and ${why}; ${remedy}`);
}

/** Why nothing is bound for a domain with an assignment that is suspended. */
function asleepText(starting: StartingDomain, source: SourceSnapshot): string | undefined {
  const found = source.assignments.find(each => each.assignment.spec.suspend && isFor(each, starting));
  const name = found?.assignment.metadata.name;
  const hold = name === undefined ? undefined : suspendedHold(name, source);
  return hold && `nothing binds it to pciback: ${name}: ${hold.message}`;
}

function refuse(message: string): StartDecision {
  return { verdict: 'refuse', message };
}
