import { ProtocolError } from './errors.ts';
import { type Frame, HEADER_BYTES, MAX_REPLY_BYTES } from './wire.ts';

/**
 * Cuts a stream of bytes into frames, wherever the stream's chunks happen to end.
 *
 * It holds at most one unfinished frame, and copies each byte once. It judges lengths only: what a frame means, and
 * whether its type is expected, is for its user.
 */
export class FrameParser {
  readonly #maxPayload: number;
  readonly #header: Buffer = Buffer.alloc(HEADER_BYTES);
  #headerFilled = 0;
  #payload: Buffer = Buffer.alloc(0);
  #payloadFilled = 0;

  /** @param maxPayload most payload bytes accepted in one frame */
  constructor(maxPayload: number = MAX_REPLY_BYTES) {
    this.#maxPayload = maxPayload;
  }

  /** Whether the bytes so far end in the middle of a frame. */
  get inFrame(): boolean {
    return this.#headerFilled > 0;
  }

  /**
   * Takes the next bytes and yields every frame they complete. Iterate to the end, or bytes are lost.
   * @throws ProtocolError when a header announces more than the limit; the stream cannot be read any further then
   */
  *push(chunk: Uint8Array): Generator<Frame, void, undefined> {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    let offset = 0;
    while (offset < bytes.length) {
      if (this.#headerFilled < HEADER_BYTES) {
        const taken = bytes.copy(this.#header, this.#headerFilled, offset);
        this.#headerFilled += taken;
        offset += taken;
        if (this.#headerFilled < HEADER_BYTES) return;
        this.#beginPayload();
      }
      const taken = bytes.copy(this.#payload, this.#payloadFilled, offset);
      this.#payloadFilled += taken;
      offset += taken;
      if (this.#payloadFilled === this.#payload.length) yield this.#finish();
    }
  }

  #beginPayload(): void {
    const length = this.#header.readUInt32LE(12);
    if (length > this.#maxPayload) {
      throw new ProtocolError(
        `a frame announces a payload of ${length} bytes; at most ${this.#maxPayload} are accepted`,
      );
    }
    this.#payload = Buffer.alloc(length);
    this.#payloadFilled = 0;
  }

  #finish(): Frame {
    this.#headerFilled = 0;
    return {
      type: this.#header.readUInt32LE(0),
      requestId: this.#header.readUInt32LE(4),
      transactionId: this.#header.readUInt32LE(8),
      payload: this.#payload,
    };
  }
}
