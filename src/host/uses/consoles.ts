/** The display that dom0 came up with, and the functions that carry a console of its kernel. */
import { join } from 'node:path';
import type { Address } from '../../api/address.ts';
import type { DeviceUse } from '../../plan/observed.ts';
import { readAttribute } from '../small-file.ts';
import type { SysfsDevice } from '../sysfs/sysfs.ts';
import { functionOf, linkTarget } from './sysfs-links.ts';

/** Whether a function is a display controller (base class 03). */
export function isDisplay({ identity }: SysfsDevice): boolean {
  return identity.class?.startsWith('03') === true;
}

/**
 * Which functions are the boot display: by sysfs `boot_vga` (Linux Documentation/ABI/testing/sysfs-bus-pci), and whatever
 * has the first framebuffer, on which the kernel writes.
 * @throws {HostError} Unreachable when it cannot be told.
 */
export async function displayUses(
  sysfs: string,
  devices: readonly SysfsDevice[],
): Promise<ReadonlyMap<Address, readonly DeviceUse[]>> {
  const found = new Map<Address, readonly DeviceUse[]>();
  const framebuffer = functionOf((await linkTarget(join(sysfs, 'class/graphics/fb0'))) ?? '');
  if (framebuffer !== undefined) {
    found.set(framebuffer, [{ guard: 'BootDisplay', text: 'dom0 writes on its framebuffer fb0' }]);
  }
  for (const { address } of devices.filter(isDisplay)) {
    const bootVga = readAttribute(join(sysfs, 'bus/pci/devices', address, 'boot_vga'));
    if (bootVga?.trim() === '1') {
      found.set(address, [{ guard: 'BootDisplay', text: 'the machine started with this display' }]);
    }
  }
  return found;
}

/**
 * Which functions carry a console of dom0's kernel, such as a serial card.
 * @throws {HostError} Unreachable when it cannot be told.
 */
export async function consoleUses(sysfs: string, procfs: string): Promise<ReadonlyMap<Address, readonly DeviceUse[]>> {
  const found = new Map<Address, DeviceUse[]>();
  const text = readAttribute(join(procfs, 'consoles')) ?? '';
  for (const line of text.split('\n')) {
    const name = /^([\w-]+)\s/.exec(line)?.[1];
    if (name === undefined) continue;
    const address = functionOf((await linkTarget(join(sysfs, 'class/tty', name))) ?? '');
    if (address === undefined) continue;
    const use: DeviceUse = { guard: 'Console', text: `${name} is a console of dom0` };
    found.set(address, [...(found.get(address) ?? []), use]);
  }
  return found;
}
