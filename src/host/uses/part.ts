import { HostError } from '../../controller/ports.ts';
import type { DeviceUse } from '../../plan/observed.ts';

/** What one part of a look found, or the clause that says why it could not. */
export type Part<T> = { readonly found: T } | { readonly why: string };

/** Reads a part; that it cannot be read is an answer. @throws what is no HostError: a mistake of ours. */
export async function part<T>(read: () => Promise<T>): Promise<Part<T>> {
  try {
    return { found: await read() };
  } catch (error) {
    if (!(error instanceof HostError)) throw error;
    return { why: error.message };
  }
}

/** The use that stands for what could not be found out. */
export function unknownUse(why: string): DeviceUse {
  return { guard: 'UseUnknown', text: `what for is not known: ${why}` };
}
