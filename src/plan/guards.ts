import { segmentOf } from '../api/address.ts';
import { identityDifferences } from '../api/identity.ts';
import type { PCIHostPolicy } from '../api/manifest.ts';
import { type Claim, isBridge } from './claims.ts';
import { guard, type Hold, type HoldReason } from './hold.ts';
import type { Iommu, ObservedDevice, ObservedDomain } from './observed.ts';
import type { Situation } from './situation.ts';
import { useHold } from './uses.ts';

type Policy = PCIHostPolicy | undefined;

/** The rule that refuses to touch this device for this claim, if one does; the gravest first. */
export function deviceGuard(claim: Claim, device: ObservedDevice, policy: Policy): Hold | undefined {
  return (
    protectedGuard(device, policy) ??
    bridgeGuard(device) ??
    segmentGuard(device) ??
    identityGuard(claim, device) ??
    inForce(resetGuard(claim.entry.reset, device), policy)
  );
}

/** The rule that refuses to take this device from the host or to give it to a guest, if one does. */
export function takingGuard(device: ObservedDevice, { observed, source }: Situation): Hold | undefined {
  return (
    iommuGuard(observed.iommu) ??
    (device.place.at === 'host' ? firstInForce(useGuards(device), source.policy) : undefined)
  );
}

/** The rule that refuses to give this domain any device, if one does. */
export function domainGuard(domain: Pick<ObservedDomain, 'name' | 'type' | 'domid'>): Hold | undefined {
  if (domain.domid === 0) return guard('ControlDomain', 'dom0 has every device that no guest has; name a guest');
  if (domain.type === 'pvh') {
    return guard('PVHDomain', `${domain.name} is PVH, and Xen passes PCI devices to PV and HVM domains only`);
  }
  return undefined;
}

/** Whether the policy switches a guard off. */
export function isOff(reason: HoldReason, policy: Policy): boolean {
  return policy?.spec.allow.some(name => name === reason) === true;
}

/** Whether the host policy protects this device. */
export function isProtected(device: ObservedDevice, policy: Policy): boolean {
  return (policy?.spec.protectedDevices ?? []).some(item =>
    'address' in item ? item.address === device.address : item.path === device.path,
  );
}

/** A device that does not answer: it is given to nobody, whatever is wanted. */
export function deadGuard({ address, dead }: ObservedDevice): Hold | undefined {
  if (dead === undefined) return undefined;
  return guard('DeviceDead', `${address} does not answer: ${dead}; reset or replace it, or restart the host`);
}

/**
 * Every rule that refuses to take this device, those that are switched off included.
 * @param claim what is wanted of it; without one, as an entry would have it that says nothing of its own.
 */
export function standingGuards(
  device: ObservedDevice,
  claim: Claim | undefined,
  { observed, source }: Situation,
): Hold[] {
  const guards = [
    protectedGuard(device, source.policy),
    bridgeGuard(device),
    segmentGuard(device),
    iommuGuard(observed.iommu),
    deadGuard(device),
    claim === undefined ? undefined : identityGuard(claim, device),
    ...(device.place.at === 'host' ? useGuards(device) : []),
    isBridge(device) ? undefined : resetGuard(claim?.entry.reset ?? 'Strict', device),
  ];
  return guards.filter(found => found !== undefined);
}

function inForce(hold: Hold | undefined, policy: Policy): Hold | undefined {
  return hold === undefined ? undefined : firstInForce([hold], policy);
}

function firstInForce(holds: readonly Hold[], policy: Policy): Hold | undefined {
  return holds.find(({ reason }) => policy?.spec.allow.some(name => name === reason) !== true);
}

function useGuards(device: ObservedDevice): Hold[] {
  return device.uses.map(use => useHold(device.address, use));
}

function iommuGuard(iommu: Iommu): Hold | undefined {
  if (iommu.state === 'present') return undefined;
  const fact =
    iommu.state === 'unknown' ? `whether Xen has an IOMMU is not known: ${iommu.why}` : 'Xen has no IOMMU to use';
  return guard('NoIOMMU', `${fact}; switch VT-d or AMD-Vi on in the firmware, and do not start Xen with iommu=off`);
}

function protectedGuard(device: ObservedDevice, policy: Policy): Hold | undefined {
  if (!isProtected(device, policy)) return undefined;
  return guard('Protected', `${device.address} is in protectedDevices of PCIHostPolicy ${policy?.metadata.name}`);
}

function bridgeGuard(device: ObservedDevice): Hold | undefined {
  return isBridge(device) ? guard('Bridge', `${device.address} is a bridge; name the device behind it`) : undefined;
}

const SEGMENT_MAX = 0xffff;

// Xen's interface has 16 bits for it, and libvirt refuses more; Intel's VMD makes 10000.
function segmentGuard({ address }: ObservedDevice): Hold | undefined {
  if (segmentOf(address) <= SEGMENT_MAX) return undefined;
  return guard(
    'SegmentTooLarge',
    `${address} is in a segment beyond ffff, which Xen cannot pass on; switch VMD off in the firmware`,
  );
}

function identityGuard(claim: Claim, device: ObservedDevice): Hold | undefined {
  const differences = identityDifferences(claim.entry.identity ?? {}, device.identity);
  if (differences.length === 0) return undefined;
  const list = differences.map(({ field, expected, found }) => `${field} is ${found}, not ${expected}`);
  return guard(
    'IdentityMismatch',
    `the device at ${device.address} is another one: ${list.join(', ')}; edit identity to accept it`,
  );
}

// libvirt refuses a device that it cannot reset, so Strict says so before anything is touched.
function resetGuard(reset: Claim['entry']['reset'], device: ObservedDevice): Hold | undefined {
  if (reset === 'BestEffort' || device.resetMethods.length > 0) return undefined;
  return guard(
    'NoReset',
    `${device.address} has no reset (FLR, power management or bus); set reset: BestEffort to give it away unreset`,
  );
}
