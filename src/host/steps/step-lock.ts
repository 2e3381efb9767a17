import type { Address } from '../../api/address.ts';
import type { Dom0Layout } from '../../api/layout.ts';
import { HostError } from '../../controller/ports.ts';
import type { Dom0 } from '../dom0.ts';
import { type FileLock, isLock, takeFileLock } from '../file-lock.ts';
import { readStartMarks } from '../start/start-marks.ts';
import { refusal } from './checks.ts';

/**
 * Takes the right to bind or release one device. A controller and libvirt's hook are two processes: the hook first marks
 * its start and then takes this lock, the controller takes the lock and then looks for marks. So a step of the controller
 * has either ended before the hook looks, or it finds the mark.
 * @throws the reason of `signal`.
 */
export async function lockDevice(layout: Dom0Layout, address: Address, signal: AbortSignal): Promise<FileLock> {
  const lock = await takeFileLock(layout, {
    name: `step-${address}`,
    purpose: 'step',
    signal,
    waitsFor: () => true,
  });
  if (!isLock(lock)) throw new HostError('Unreachable', `the lock of ${address} is held by no process`);
  return lock;
}

/**
 * Does something to a device while no domain starts with it.
 * @throws {HostError} PreconditionFailed when one does; Unreachable when that cannot be told; what `body` throws.
 */
export async function unlessStarting<T>(
  { layout }: Dom0,
  address: Address,
  signal: AbortSignal,
  body: () => Promise<T>,
): Promise<T> {
  const lock = await lockDevice(layout, address, signal);
  try {
    const starts = await readStartMarks(layout, Date.now());
    const start = starts.find(({ devices }) => devices.includes(address));
    if (start !== undefined) throw refusal(`${start.name} is being started with ${address}`);
    return await body();
  } finally {
    await lock.release();
  }
}
