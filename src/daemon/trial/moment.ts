import { uptime } from 'node:os';
import type { Dom0Layout } from '../../api/layout.ts';
import { readBootId } from '../../host/boot-id.ts';
import type { Moment } from './trial.ts';

/** Now, by the kernel: the same for every process of a boot, and it goes on while the machine sleeps. */
export async function momentOf(layout: Dom0Layout): Promise<Moment> {
  return { bootId: await readBootId(layout), uptimeMs: uptime() * 1000 };
}
