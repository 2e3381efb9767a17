import { type IncomingMessage, request } from 'node:http';
import { LookTextError } from './look-text-error.ts';

/** An answer of the API: its code and its body. */
export interface Reply {
  readonly code: number;
  readonly text: string;
}

/**
 * Asks the API at a socket.
 * @param path what for, such as `/v1/look`.
 * @throws the error of connecting; {LookTextError} for an answer of more than `bytesMax`; the reason of `signal`.
 */
export function answered(socket: string, path: string, signal: AbortSignal, bytesMax: number): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath: socket, path, host: 'xenpci', agent: false, signal });
    asked.once('response', answer => {
      bounded(answer, bytesMax).then(text => resolve({ code: answer.statusCode ?? 0, text }), reject);
    });
    asked.on('error', reject);
    asked.end();
  });
}

/**
 * Reads an answer to its end.
 * @throws {LookTextError} when it is longer than `bytesMax`.
 */
export async function bounded(answer: IncomingMessage, bytesMax: number): Promise<string> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of answer as AsyncIterable<Buffer>) {
    bytes += part.length;
    // Leaving the loop hangs up.
    if (bytes > bytesMax) throw new LookTextError(`answers more than ${bytesMax} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}
