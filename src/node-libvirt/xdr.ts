import { ProtocolError } from './errors.ts';

/** Bytes that are not the XDR they should be, or a value that XDR cannot carry. */
export class XdrError extends ProtocolError {
  override readonly name: string = 'XdrError';
}

const ALIGNMENT = 4;
const padding = (length: number): number => (ALIGNMENT - (length % ALIGNMENT)) % ALIGNMENT;

/** Builds one XDR body (RFC 4506): big endian, everything padded to four bytes. */
export class XdrEncoder {
  #buffer: Buffer = Buffer.alloc(256);
  #length = 0;

  /** Signed 32-bit integer; throws XdrError outside its range. */
  int32(value: number): void {
    if (value !== (value | 0)) throw new XdrError(`${value} is not a signed 32-bit integer`);
    const at = this.#advance(4);
    this.#buffer.writeInt32BE(value, at);
  }

  /** Unsigned 32-bit integer; throws XdrError outside its range. */
  uint32(value: number): void {
    if (value !== value >>> 0) throw new XdrError(`${value} is not an unsigned 32-bit integer`);
    const at = this.#advance(4);
    this.#buffer.writeUInt32BE(value, at);
  }

  /** Unsigned 64-bit integer ("hyper"); throws XdrError outside its range. */
  uint64(value: bigint): void {
    if (BigInt.asUintN(64, value) !== value) throw new XdrError(`${value} is not an unsigned 64-bit integer`);
    const at = this.#advance(8);
    this.#buffer.writeBigUInt64BE(value, at);
  }

  /** Opaque bytes of a length both sides know. */
  opaque(bytes: Uint8Array): void {
    const at = this.#advance(bytes.length);
    this.#buffer.set(bytes, at);
    this.#advance(padding(bytes.length));
  }

  /** The body so far: a view, valid until the next write. */
  bytes(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }

  /** Makes room for `count` zero bytes and returns where. It may replace the buffer: take the result before using that. */
  #advance(count: number): number {
    const start = this.#length;
    this.#length += count;
    if (this.#length > this.#buffer.length) {
      const larger = Buffer.alloc(Math.max(this.#buffer.length * 2, this.#length));
      larger.set(this.#buffer);
      this.#buffer = larger;
    }
    return start;
  }
}

/** Reads one XDR body. Every read is checked against what is left, so a lying length costs nothing. */
export class XdrDecoder {
  readonly #bytes: Buffer;
  #offset = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** Signed 32-bit integer; throws XdrError at the end of the body, as all reads do. */
  int32(): number {
    return this.#bytes.readInt32BE(this.#advance(4));
  }

  /** Unsigned 32-bit integer. */
  uint32(): number {
    return this.#bytes.readUInt32BE(this.#advance(4));
  }

  /** Unsigned 64-bit integer ("hyper"). */
  uint64(): bigint {
    return this.#bytes.readBigUInt64BE(this.#advance(8));
  }

  /** Opaque bytes of a known length: a view on the body, not a copy. */
  opaque(length: number): Buffer {
    const start = this.#advance(length + padding(length));
    return this.#bytes.subarray(start, start + length);
  }

  /** Bytes not read yet. */
  get remaining(): number {
    return this.#bytes.length - this.#offset;
  }

  #advance(count: number): number {
    if (count > this.remaining) throw new XdrError(`the body ends ${count - this.remaining} bytes too early`);
    const start = this.#offset;
    this.#offset += count;
    return start;
  }
}
