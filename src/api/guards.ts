/** The guards that `allow` of a PCIHostPolicy may switch off, each for the whole host. */
export const SWITCHABLE_GUARDS = [
  'MountedFilesystem',
  'Swap',
  'StorageMember',
  'NetworkAddress',
  'DefaultRoute',
  'NetworkBridge',
  'BootDisplay',
  'Console',
  'UseUnknown',
  'SharedSlot',
  'NoReset',
] as const;

/** The names of the guards that are always in force. */
export type FixedGuard =
  | 'Conflict'
  | 'IdentityMismatch'
  | 'Protected'
  | 'Bridge'
  | 'SegmentTooLarge'
  | 'PVHDomain'
  | 'ControlDomain'
  | 'NoIOMMU'
  | 'DeviceDead';

/** Why a guard cannot be switched off. */
export const FIXED_GUARDS: Readonly<Record<FixedGuard, string>> = {
  Conflict: 'a device can be in one place only',
  IdentityMismatch: 'edit the identity of the entry to accept another card',
  Protected: 'take the device out of protectedDevices',
  Bridge: 'no guest can be given a bridge',
  SegmentTooLarge: 'Xen has no number for such a segment',
  PVHDomain: 'Xen passes PCI devices to PV and HVM domains only',
  ControlDomain: 'dom0 has every device that no guest has',
  NoIOMMU: 'without an IOMMU Xen gives no device to a guest',
  DeviceDead: 'a device that does not answer can be given to nobody',
};

export type SwitchableGuard = (typeof SWITCHABLE_GUARDS)[number];

/** Every rule that refuses a step, by name. */
export type GuardName = SwitchableGuard | FixedGuard;

/** Whether a name is one that `allow` may hold. */
export function isSwitchable(name: string): name is SwitchableGuard {
  return SWITCHABLE_GUARDS.some(known => known === name);
}
