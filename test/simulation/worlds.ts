import type { Address } from '../../src/api/address.ts';
import type { DeviceEntry, SourceSnapshot } from '../../src/api/manifest.ts';
import { at, networkCard, nvmeDisk, rootPort, type World } from '../../src/simulator/model/world.ts';
import { assignment, entry, source } from '../world.ts';
import type { Random } from './random.ts';

const DOMAINS = ['red', 'blue', 'green', 'grey'] as const;
const BUSES = [1, 2, 3, 4, 5] as const;

/** The devices of every random world. */
export const DEVICES: readonly Address[] = BUSES.map(bus => at(`0000:0${bus}:00.0`));

const hardware = BUSES.flatMap(bus => {
  const port = at(`0000:00:1${bus}.0`);
  const card = bus % 2 === 0 ? nvmeDisk : networkCard;
  return [rootPort(port, bus), card(at(`0000:0${bus}:00.0`), port)];
});

/** A host with its guests in any state: running or not, with or without passthrough, with devices of their own. */
export function randomWorld(random: Random): World {
  const free = new Set(DEVICES);
  return {
    devices: hardware,
    domains: DOMAINS.map((name, index) => {
      const devices = DEVICES.filter(device => free.has(device) && random.chance(0.15));
      for (const device of devices) free.delete(device);
      return {
        name,
        uuid: `2a1c7c35-4f0b-4b53-8f0e-0d6a3ad0a00${index}`,
        toolstack: index === 3 && random.chance(0.5) ? ('xl' as const) : ('libvirt' as const),
        passthrough: random.chance(0.8),
        running: random.chance(0.7),
        devices,
      };
    }),
  };
}

/** What somebody might want of such a host: devices that several name are in conflict, or shared. */
export function randomSource(random: Random): SourceSnapshot {
  const shares = new Set(DEVICES.filter(() => random.chance(0.5)));
  const assignments = DOMAINS.filter(() => random.chance(0.8)).map(name => {
    const entries = DEVICES.filter(() => random.chance(0.3)).map(
      (device): DeviceEntry =>
        entry(`d${device.slice(5, 7)}`, device, {
          permissive: random.chance(0.1),
          sharing: shares.has(device) ? 'FirstStarted' : 'Exclusive',
          whenMissing: random.chance(0.5) ? 'Fail' : 'Ignore',
        }),
    );
    return assignment(name, random.chance(0.05) ? 'nowhere' : name, entries, {
      updatePolicy: random.chance(0.1) ? 'OnNextStart' : 'Live',
      whenStopped: random.chance(0.3) ? 'Host' : 'Assignable',
      deletionPolicy: random.pick(['Assignable', 'Host', 'Orphan']),
      driftPolicy: random.chance(0.3) ? 'Report' : 'Correct',
      suspend: random.chance(0.05),
    });
  });
  return source(assignments, { complete: random.chance(0.9) });
}
