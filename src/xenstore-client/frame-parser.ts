import { ProtocolError } from './errors.ts';
import { type Frame, HEADER_BYTES, MAX_REPLY_BYTES } from './wire.ts';

/** A frame's header: four integers. */
interface Header extends Omit<Frame, 'payload'> {
  /** Bytes in the payload. */
  readonly length: number;
}

/**
 * Cuts a stream of bytes into frames, wherever the stream's chunks happen to end.
 *
 * It holds at most one unfinished frame. A payload that lies in one chunk is not copied: it shares memory with the chunk,
 * so whoever keeps it copies it. The parser judges lengths only: what a frame means, and whether its type is expected, is
 * for its user.
 */
export class FrameParser {
  readonly #maxPayload: number;
  /** A header that comes in pieces, as far as it has come. */
  readonly #pieces: Buffer = Buffer.alloc(HEADER_BYTES);
  #headerFilled = 0;
  /** The header of the frame whose payload is not complete. */
  #header: Header | undefined;
  /** A payload that comes in pieces, as far as it has come. */
  #payload: Buffer | undefined;
  #payloadFilled = 0;

  /** @param maxPayload most payload bytes accepted in one frame */
  constructor(maxPayload: number = MAX_REPLY_BYTES) {
    this.#maxPayload = maxPayload;
  }

  /** Whether the bytes so far end in the middle of a frame. */
  get inFrame(): boolean {
    return this.#headerFilled > 0 || this.#header !== undefined;
  }

  /**
   * Takes the next bytes and yields every frame they complete. Iterate to the end, or bytes are lost.
   * @throws ProtocolError when a header announces more than the limit; the stream cannot be read any further then
   */
  *push(chunk: Uint8Array): Generator<Frame, void, undefined> {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    let offset = 0;
    while (offset < bytes.length) {
      let header = this.#header;
      if (header === undefined) {
        const missing = HEADER_BYTES - this.#headerFilled;
        header = this.#takeHeader(bytes, offset);
        if (header === undefined) return;
        this.#header = header;
        offset += missing;
      }
      const missing = header.length - this.#payloadFilled;
      const payload = this.#takePayload(bytes, offset, header.length);
      if (payload === undefined) return;
      this.#header = undefined;
      offset += missing;
      const { type, requestId, transactionId } = header;
      yield { type, requestId, transactionId, payload };
    }
  }

  /** @returns the header if it is complete; otherwise all bytes were taken. */
  #takeHeader(bytes: Buffer, offset: number): Header | undefined {
    if (this.#headerFilled === 0 && bytes.length - offset >= HEADER_BYTES) return this.#decode(bytes, offset);
    this.#headerFilled += bytes.copy(this.#pieces, this.#headerFilled, offset);
    if (this.#headerFilled < HEADER_BYTES) return undefined;
    this.#headerFilled = 0;
    return this.#decode(this.#pieces, 0);
  }

  #decode(bytes: Buffer, at: number): Header {
    const length = bytes.readUInt32LE(at + 12);
    if (length > this.#maxPayload) {
      throw new ProtocolError(
        `a frame announces a payload of ${length} bytes; at most ${this.#maxPayload} are accepted`,
      );
    }
    return {
      type: bytes.readUInt32LE(at),
      requestId: bytes.readUInt32LE(at + 4),
      transactionId: bytes.readUInt32LE(at + 8),
      length,
    };
  }

  /** @returns the payload if it is complete; otherwise all bytes were taken. */
  #takePayload(bytes: Buffer, offset: number, length: number): Buffer | undefined {
    if (this.#payload === undefined) {
      if (bytes.length - offset >= length) return bytes.subarray(offset, offset + length);
      // xenstored sends header and payload one after the other: the next chunk may hold the payload whole.
      if (bytes.length === offset) return undefined;
      this.#payload = Buffer.allocUnsafe(length);
    }
    const payload = this.#payload;
    this.#payloadFilled += bytes.copy(payload, this.#payloadFilled, offset);
    if (this.#payloadFilled < length) return undefined;
    this.#payload = undefined;
    this.#payloadFilled = 0;
    return payload;
  }
}
