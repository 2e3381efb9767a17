import { type Address, parseAddress } from '../../api/address.ts';
import type { Identity } from '../../api/identity.ts';
import type { DeviceSpec } from './device.ts';
import type { DomainSpec } from './domain.ts';

/** What a simulated dom0 starts with. */
export interface World {
  readonly devices: readonly DeviceSpec[];
  readonly domains: readonly DomainSpec[];
  /** 9,000,000 when absent. */
  readonly libvirtVersion?: number;
  readonly bootId?: string;
}

/** An address that is known to be well formed. @throws {RangeError} when it is not. */
export function at(text: string): Address {
  const address = parseAddress(text);
  if (address === undefined) throw new RangeError(`${JSON.stringify(text)} is not a PCI address`);
  return address;
}

const QEMU_CARD = { subsystemVendor: '1af4', subsystemDevice: '1100' } as const;

/** Cards as QEMU presents them in the lab: what real Xen was seen with. */
export const CARDS: Readonly<Record<'e1000e' | 'nvme' | 'e1000' | 'rootPort' | 'hostBridge', Identity>> = {
  e1000e: { vendor: '8086', device: '10d3', subsystemVendor: '8086', subsystemDevice: '0000', class: '0200' },
  nvme: { vendor: '1b36', device: '0010', ...QEMU_CARD, class: '0108' },
  e1000: { vendor: '8086', device: '100e', ...QEMU_CARD, class: '0200' },
  rootPort: { vendor: '1b36', device: '000c', subsystemVendor: '1b36', subsystemDevice: '0000', class: '0604' },
  hostBridge: { vendor: '8086', device: '29c0', ...QEMU_CARD, class: '0600' },
};

/** A root port on the root bus, and the bus behind it. */
export function rootPort(address: Address, secondaryBus: number): DeviceSpec {
  return { address, identity: CARDS.rootPort, homeDriver: 'pcieport', secondaryBus };
}

/** An e1000e in the slot behind a root port. */
export function networkCard(address: Address, parent: Address): DeviceSpec {
  return { address, parent, identity: CARDS.e1000e, homeDriver: 'e1000e', resetMethods: ['flr', 'bus'] };
}

/** An NVMe in the slot behind a root port. */
export function nvmeDisk(address: Address, parent: Address): DeviceSpec {
  const identity = CARDS.nvme;
  return {
    address,
    parent,
    identity,
    programmingInterface: '02',
    revision: '02',
    homeDriver: 'nvme',
    resetMethods: ['flr', 'bus'],
  };
}

/** What dom0 itself needs, on the root bus: the disk with its root file system, and the way to its network. */
const DOM0_NEEDS: readonly DeviceSpec[] = [
  {
    address: at('0000:00:03.0'),
    identity: { vendor: '1af4', device: '1001', subsystemVendor: '1af4', subsystemDevice: '0002', class: '0100' },
    homeDriver: 'virtio-pci',
    use: { disk: 'vda', mountedAt: '/' },
  },
  {
    address: at('0000:00:04.0'),
    identity: { vendor: '1af4', device: '1000', subsystemVendor: '1af4', subsystemDevice: '0001', class: '0200' },
    homeDriver: 'virtio-pci',
    use: { interface: 'eth0', address: '10.0.2.15', defaultRoute: true },
  },
];

const SLOTS = [networkCard, nvmeDisk, networkCard, nvmeDisk, networkCard, networkCard] as const;

const slots: readonly DeviceSpec[] = SLOTS.flatMap((card, index) => {
  const port = at(`0000:00:1${index + 1}.0`);
  const bus = index + 1;
  return [rootPort(port, bus), card(at(`0000:0${bus}:00.0`), port)];
});

/** The world the samples are written for: six slots, a card nobody can reset, and four domains. */
export const DEFAULT_WORLD: World = {
  devices: [
    { address: at('0000:00:00.0'), identity: CARDS.hostBridge },
    ...DOM0_NEEDS,
    ...slots,
    { address: at('0000:00:1a.0'), identity: CARDS.e1000, revision: '03', homeDriver: 'e1000' },
  ],
  domains: [
    { name: 'sys-net', uuid: '2a1c7c35-4f0b-4b53-8f0e-0d6a3ad0a001', passthrough: true, running: true },
    { name: 'storage', uuid: '2a1c7c35-4f0b-4b53-8f0e-0d6a3ad0a002', passthrough: true, running: true },
    { name: 'media', uuid: '2a1c7c35-4f0b-4b53-8f0e-0d6a3ad0a003' },
    { name: 'legacy', uuid: '2a1c7c35-4f0b-4b53-8f0e-0d6a3ad0a004', running: true },
  ],
};
