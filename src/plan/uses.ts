import type { Address } from '../api/address.ts';
import { guard, type Hold } from './hold.ts';
import type { DeviceUse, UseGuard } from './observed.ts';

/** What ends each use. */
const END: Readonly<Record<UseGuard, string>> = {
  MountedFilesystem: 'unmount it',
  Swap: 'switch it off with swapoff',
  StorageMember: 'take it out of its volume group, array or pool',
  NetworkAddress: 'give its addresses and routes to another interface',
  DefaultRoute: 'route through another interface',
  NetworkBridge: 'take it out',
  BootDisplay: 'use another display',
  Console: 'move the console in the command line of the kernel',
  UseUnknown: 'make it readable',
};

/** Why a device that dom0 uses stays with dom0. */
export function useHold(address: Address, { guard: name, text }: DeviceUse): Hold {
  return guard(name, `dom0 uses ${address}: ${text}; ${END[name]}, or switch ${name} off in PCIHostPolicy`);
}
