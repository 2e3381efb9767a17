/** The lab's PCI devices, as `boot` puts them there, and what sysfs and the disks say about them. */
import { access, readdir, readFile, readlink, writeFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { until } from './deadline.ts';
import { succeed } from './exec.ts';

/** Network cards (Intel 82574L, driver e1000e), each behind a root port of its own. */
export const NICS = ['0000:01:00.0', '0000:03:00.0', '0000:05:00.0', '0000:06:00.0'] as const;
/** NVMe disks of 64 MiB, each behind a root port of its own. */
export const DISKS = ['0000:02:00.0', '0000:04:00.0'] as const;
/** A network card (Intel 82540EM, driver e1000) on bus 0 without any reset method. */
export const NO_RESET = '0000:00:1a.0';

/** `vendor:device` as guests print it. */
export const NIC_ID = '8086:10d3';
export const DISK_ID = '1b36:0010';

/** What drives each of these devices in dom0 when nobody has taken it away. */
export const HOST_DRIVERS: ReadonlyMap<string, string> = new Map([
  ...NICS.map(nic => [nic, 'e1000e'] as const),
  ...DISKS.map(disk => [disk, 'nvme'] as const),
  [NO_RESET, 'e1000'],
]);

const folderOf = (address: string): string => `/sys/bus/pci/devices/${address}`;

/** The driver bound to a device of dom0; undefined if none is. @throws ENOENT if there is no such device. */
export async function driverOf(address: string): Promise<string | undefined> {
  await access(folderOf(address));
  const link = await readlink(`${folderOf(address)}/driver`).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
  return link === undefined ? undefined : basename(link);
}

/** Lets the kernel choose a driver for a device that has none. */
export async function probe(address: string): Promise<void> {
  await writeFile(`${folderOf(address)}/driver_override`, '\n');
  await writeFile('/sys/bus/pci/drivers_probe', address);
}

/** The devices pciback gives write access to their whole config space. */
export async function permissiveDevices(): Promise<readonly string[]> {
  return (await readFile('/sys/bus/pci/drivers/pciback/permissive', 'utf8')).split('\n').filter(line => line !== '');
}

/**
 * Reads the first line of an NVMe disk in dom0, past the page cache; `boot` has written `xenpci-lab NVME<bus>` there.
 * @throws Error if the disk does not appear within `ms`, or on any I/O error.
 */
export async function readDisk(address: string, ms = 60_000): Promise<string> {
  const disk = await until(`the disk of ${address}`, () => blockDeviceOf(address), ms);
  const block = await succeed('dd', [`if=/dev/${disk}`, 'bs=4096', 'count=1', 'iflag=direct', 'status=none'], ms);
  return block.slice(0, block.indexOf('\n'));
}

/** Device node of an NVMe function's first namespace: .../0000:02:00.0/nvme/nvme0/nvme0n1 */
async function blockDeviceOf(address: string): Promise<string | undefined> {
  const [controller] = await names(`${folderOf(address)}/nvme`);
  if (controller === undefined) return undefined;
  return (await names(`${folderOf(address)}/nvme/${controller}`)).find(name => /^nvme\d+n1$/.test(name));
}

function names(folder: string): Promise<string[]> {
  return readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
    return [];
  });
}
