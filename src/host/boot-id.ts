import { join } from 'node:path';
import type { Dom0Layout } from '../api/layout.ts';
import { HostError } from '../controller/ports.ts';
import { readAttribute } from './small-file.ts';

/** The kernel's boot id. @throws {HostError} Unreachable */
export async function readBootId({ procfs }: Dom0Layout): Promise<string> {
  const path = join(procfs, 'sys/kernel/random/boot_id');
  const bootId = readAttribute(path)?.trim();
  if (bootId === undefined || bootId === '') throw new HostError('Unreachable', `${path} does not say the boot id`);
  return bootId;
}
