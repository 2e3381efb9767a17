import type { Request } from './call.ts';
import { ProtocolError, XenstoreError } from './errors.ts';
import { directoryPartRequest, directoryRequest } from './requests.ts';
import { MAX_REPLY_BYTES } from './wire.ts';

/** Sends a request and waits for its answer. */
export type Ask = <T>(request: Request<T>) => Promise<T>;

/** How often a list is begun anew because the directory changed while it was read. */
const MAX_RESTARTS = 64;

/**
 * Reads the names of a node's children. xenstored refuses with E2BIG what does not fit in one message; such a list is
 * read in parts, from the beginning again when the directory's generation changes in between.
 * @throws XenstoreError, with EAGAIN when the directory never stood still
 */
export async function readDirectory(ask: Ask, path: string, transactionId: number): Promise<string[]> {
  try {
    return await ask(directoryRequest(path, transactionId));
  } catch (error) {
    if (!(error instanceof XenstoreError && error.code === 'E2BIG')) throw error;
  }
  for (let restarts = 0; restarts <= MAX_RESTARTS; restarts += 1) {
    const names = await readParts(ask, path, transactionId);
    if (names) return names;
  }
  throw new XenstoreError('EAGAIN', { operation: 'directory', path });
}

/** One pass over a large directory; undefined when it changed on the way. */
async function readParts(ask: Ask, path: string, transactionId: number): Promise<string[] | undefined> {
  const names: string[] = [];
  let generation: string | undefined;
  let offset = 0;
  for (;;) {
    const part = await ask(directoryPartRequest(path, offset, transactionId));
    generation ??= part.generation;
    if (part.generation !== generation) return undefined;
    names.push(...part.names);
    offset += part.bytes;
    if (part.last) return names;
    if (offset > MAX_REPLY_BYTES) throw new ProtocolError(`a directory of more than ${MAX_REPLY_BYTES} bytes`);
  }
}
