import type { Dom0Layout } from '../../api/layout.ts';
import type { StartingDomain } from '../../plan/start.ts';
import type { FileLock } from '../file-lock.ts';
import { markOf } from '../process-mark.ts';
import { lockDevice } from '../steps/step-lock.ts';
import { markPrepared, markStart, unmarkStart } from './start-marks.ts';

/**
 * Marks a start and waits for the steps on its devices that have begun before that, so that whatever `body` sees stays
 * as it is. The mark outlives this process when the domain starts: until Xen shows the domain, nothing else does.
 * @throws {HostError} Unreachable when the mark cannot be written; the reason of `signal`; what `body` throws.
 */
export async function reserveDevices<T extends { readonly starts: boolean }>(
  layout: Dom0Layout,
  { name, uuid, hostdevs }: StartingDomain,
  signal: AbortSignal,
  body: () => Promise<T>,
): Promise<T> {
  const hook = await markOf(process.pid);
  if (hook === undefined) throw new Error('/proc does not show this process');
  // In one order everywhere, so that two starts cannot wait for each other.
  const devices = [...new Set(hostdevs.map(({ address }) => address))].sort();
  const start = { name, uuid, devices, hook };
  await markStart(layout, start);
  const locks: FileLock[] = [];
  let starts = false;
  try {
    for (const device of devices) locks.push(await lockDevice(layout, device, signal));
    const result = await body();
    if (result.starts) await markPrepared(layout, start, Date.now());
    starts = result.starts;
    return result;
  } finally {
    if (!starts) await unmarkStart(layout, name);
    await Promise.all(locks.map(lock => lock.release()));
  }
}
