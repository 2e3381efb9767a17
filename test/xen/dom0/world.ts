/** The host as a whole, for "and nothing has changed". */
import { driverOf, HOST_DRIVERS } from './devices.ts';
import { virsh } from './exec.ts';
import { listXenstore } from './xenstore.ts';

/** Everything that says which guest has which device. */
export interface World {
  readonly drivers: ReadonlyMap<string, string | undefined>;
  readonly backends: ReadonlyMap<string, string>;
  readonly marks: ReadonlyMap<string, string>;
  /** libvirt's definitions, those of running domains and those for the next start. */
  readonly definitions: readonly string[];
}

/** The host as it is now. @param guests the names of domains that libvirt knows. */
export async function lookAtWorld(guests: readonly string[]): Promise<World> {
  const drivers = new Map<string, string | undefined>();
  for (const address of HOST_DRIVERS.keys()) drivers.set(address, await driverOf(address));
  const definitions: string[] = [];
  for (const guest of guests) {
    definitions.push(await virsh('dumpxml', guest), await virsh('dumpxml', guest, '--inactive'));
  }
  return {
    drivers,
    backends: await listXenstore('/local/domain/0/backend/pci'),
    marks: await listXenstore('/libxl/pci'),
    definitions,
  };
}
