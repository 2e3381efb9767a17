import type { DeviceUse } from '../../plan/observed.ts';
import type { Device, HostUse } from './device.ts';

/** What dom0 does with a device now: only what its own driver has can be used. */
export function activeUse({ spec, use, present, driver }: Device): HostUse {
  return present && driver !== undefined && driver === spec.homeDriver ? use : {};
}

/** The uses as the host adapter words them. */
export function usesOf(device: Device): DeviceUse[] {
  const use = activeUse(device);
  const disk = use.disk ?? '';
  const name = use.interface ?? '';
  return [
    ...(use.mountedAt === undefined
      ? []
      : [{ guard: 'MountedFilesystem', text: `${disk} is mounted at ${use.mountedAt}` } as const]),
    ...(use.swap === true ? [{ guard: 'Swap', text: `${disk} is swap` } as const] : []),
    ...(use.member === undefined ? [] : [{ guard: 'StorageMember', text: `${disk} is ${use.member}` } as const]),
    ...(use.defaultRoute === true
      ? [{ guard: 'DefaultRoute', text: `the default route (IPv4) goes through ${name}` } as const]
      : []),
    ...(use.address === undefined ? [] : [{ guard: 'NetworkAddress', text: `${use.address} is on ${name}` } as const]),
    ...(use.bridge === undefined
      ? []
      : [{ guard: 'NetworkBridge', text: `${name} is a port of ${use.bridge}` } as const]),
  ];
}
