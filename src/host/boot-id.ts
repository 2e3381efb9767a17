import { join } from 'node:path';
import type { Dom0Layout } from '../api/layout.ts';
import { HostError } from '../controller/ports.ts';
import { readSmallFile } from './small-file.ts';

/** Bytes of the boot id with room to spare. */
const BOOT_ID_MAX = 128;

/** The kernel's boot id. @throws {HostError} Unreachable */
export async function readBootId({ procfs }: Dom0Layout): Promise<string> {
  const path = join(procfs, 'sys/kernel/random/boot_id');
  const bootId = (await readSmallFile(path, BOOT_ID_MAX))?.trim();
  if (bootId === undefined || bootId === '') throw new HostError('Unreachable', `${path} does not say the boot id`);
  return bootId;
}
