/** Bus numbers that move, as when a card with a bridge is added: the kernel finds the root ports anew with other numbers. */
import assert from 'node:assert/strict';
import { access, open, writeFile } from 'node:fs/promises';
import { becomes } from './deadline.ts';
import { driverOf } from './devices.ts';

/** The root port behind which `boot` puts bus `number` (1 to 6). */
function rootPort(number: number): string {
  return `0000:00:1${number}.0`;
}

/** The bridge path of the card behind that root port, which does not change. */
export function pathBehind(number: number): string {
  return `00_1${number}.0/00_00.0`;
}

/** The card on a bus: each root port has one. */
export function cardOn(bus: number): string {
  return `0000:0${bus}:00.0`;
}

/** Offset of the secondary and subordinate bus number in a bridge's config space (PCI-to-PCI Bridge Architecture 1.2, 3.2). */
const SECONDARY_BUS = 0x19;
/** ms until the kernel has found a card again and bound its driver. */
const FIND_LIMIT = 120_000;

/**
 * Lets the two root ports of buses `one` and `other` change their bus numbers; doing it again undoes it. Both cards must
 * be on their dom0 drivers.
 * @param ports which root ports have these buses now, in the same order.
 * @param drivers what drives the cards, in the order of `ports`.
 */
export async function swapBuses(
  buses: readonly [number, number],
  ports: readonly [number, number],
  drivers: readonly [string, string],
): Promise<void> {
  for (const bus of buses) await remove(cardOn(bus));
  for (const [index, port] of ports.entries()) await setBusBehind(rootPort(port), buses[1 - index] ?? assert.fail());
  for (const port of ports) await remove(rootPort(port));
  await writeFile('/sys/bus/pci/rescan', '1');
  for (const [index, driver] of drivers.entries()) {
    const address = cardOn(buses[1 - index] ?? assert.fail());
    await becomes(`driver of ${address}`, () => driverOf(address).catch(() => 'not there yet'), driver, FIND_LIMIT);
  }
}

async function remove(address: string): Promise<void> {
  await writeFile(`/sys/bus/pci/devices/${address}/remove`, '1');
  await becomes(
    `${address} in sysfs`,
    () =>
      access(`/sys/bus/pci/devices/${address}`).then(
        () => true,
        () => false,
      ),
    false,
    FIND_LIMIT,
  );
}

/** The bridge has no card behind it now, and the kernel reads the numbers when it finds the bridge anew. */
async function setBusBehind(bridge: string, bus: number): Promise<void> {
  const config = await open(`/sys/bus/pci/devices/${bridge}/config`, 'r+');
  try {
    await config.write(Uint8Array.of(bus, bus), 0, 2, SECONDARY_BUS);
  } finally {
    await config.close();
  }
}
