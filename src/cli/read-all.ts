/**
 * Reads a stream to its end.
 * @throws {Error} when it is longer than `maxBytes`; the reason of `signal` when it does not end before that.
 */
export async function readAll(
  stream: AsyncIterable<Uint8Array>,
  maxBytes: number,
  signal: AbortSignal,
): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  const iterator = stream[Symbol.asyncIterator]();
  for (;;) {
    const next = await unlessAborted(iterator.next(), signal);
    if (next.done === true) return Buffer.concat(chunks).toString('utf8');
    length += next.value.byteLength;
    if (length > maxBytes) throw new Error(`it is longer than ${maxBytes} bytes`);
    chunks.push(next.value);
  }
}

function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason);
    if (signal.aborted) return abort();
    signal.addEventListener('abort', abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
