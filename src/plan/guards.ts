import { identityDifferences } from '../api/identity.ts';
import type { PCIHostPolicy } from '../api/manifest.ts';
import { type Claim, isBridge } from './claims.ts';
import { guard, type Hold } from './hold.ts';
import type { ObservedDevice, ObservedDomain } from './observed.ts';

/** The rule that refuses to touch this device for this claim, if one does; the gravest first. */
export function deviceGuard(claim: Claim, device: ObservedDevice, policy: PCIHostPolicy | undefined): Hold | undefined {
  return (
    protectedGuard(device, policy) ?? bridgeGuard(device) ?? identityGuard(claim, device) ?? resetGuard(claim, device)
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

/** Whether the host policy protects this device. */
export function isProtected(device: ObservedDevice, policy: PCIHostPolicy | undefined): boolean {
  return (policy?.spec.protectedDevices ?? []).some(item =>
    'address' in item ? item.address === device.address : item.path === device.path,
  );
}

function protectedGuard(device: ObservedDevice, policy: PCIHostPolicy | undefined): Hold | undefined {
  if (!isProtected(device, policy)) return undefined;
  return guard('Protected', `${device.address} is in protectedDevices of PCIHostPolicy ${policy?.metadata.name}`);
}

function bridgeGuard(device: ObservedDevice): Hold | undefined {
  return isBridge(device) ? guard('Bridge', `${device.address} is a bridge; name the device behind it`) : undefined;
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
function resetGuard(claim: Claim, device: ObservedDevice): Hold | undefined {
  if (claim.entry.reset === 'BestEffort' || device.resetMethods.length > 0) return undefined;
  return guard(
    'NoReset',
    `${device.address} has no reset (FLR, power management or bus); set reset: BestEffort to give it away unreset`,
  );
}
