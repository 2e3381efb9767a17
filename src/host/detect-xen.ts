import { join } from 'node:path';
import type { Dom0Layout } from '../api/layout.ts';
import { readSmallFile } from './small-file.ts';

/** Bytes of `/proc/xen/capabilities` with room to spare. */
const CAPABILITIES_MAX = 4096;

/**
 * Whether this is a Xen dom0: only there the kernel says `control_d`.
 * @throws {HostError} Unreachable when the file is there and cannot be read.
 */
export async function detectXen(layout: Dom0Layout): Promise<boolean> {
  const capabilities = await readSmallFile(join(layout.procfs, 'xen/capabilities'), CAPABILITIES_MAX);
  return capabilities?.split(/\s+/).includes('control_d') === true;
}
