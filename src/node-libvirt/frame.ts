import { ProtocolError } from './errors.ts';

/** Programs, message types and states (libvirt src/remote/remote_protocol.x, src/rpc/virkeepaliveprotocol.x, src/rpc/virnetprotocol.x). */
export const Program = { remote: 0x20008086, keepalive: 0x6b656570 } as const;
export const PROTOCOL_VERSION = 1;
export const MessageType = { call: 0, reply: 1, message: 2, stream: 3, callWithFds: 4, replyWithFds: 5 } as const;
export const MessageStatus = { ok: 0, error: 1, continue: 2 } as const;

/** Bytes of the length word and of the header after it. */
export const LENGTH_BYTES = 4;
export const HEADER_BYTES = 24;
/** Longest frame in bytes, length word included (virnetprotocol.x, VIR_NET_MESSAGE_MAX and VIR_NET_MESSAGE_LEN_MAX). */
export const FRAME_MAX: number = 33_554_432 + LENGTH_BYTES;

/** What stands before each body (virnetprotocol.x, virNetMessageHeader). */
export interface FrameHeader {
  readonly program: number;
  readonly version: number;
  readonly procedure: number;
  /** One of MessageType. */
  readonly type: number;
  /** Number of the call; zero in messages that answer none. */
  readonly serial: number;
  /** One of MessageStatus. */
  readonly status: number;
}

export interface Frame {
  readonly header: FrameHeader;
  readonly body: Buffer;
}

/** The bytes of one frame. Throws ProtocolError when it would exceed FRAME_MAX. */
export function encodeFrame(header: FrameHeader, body: Uint8Array): Buffer {
  const length = LENGTH_BYTES + HEADER_BYTES + body.length;
  if (length > FRAME_MAX) throw new ProtocolError(`a frame of ${length} bytes exceeds ${FRAME_MAX}`);
  const bytes = Buffer.alloc(length);
  bytes.writeUInt32BE(length, 0);
  bytes.writeUInt32BE(header.program, 4);
  bytes.writeUInt32BE(header.version, 8);
  bytes.writeInt32BE(header.procedure, 12);
  bytes.writeInt32BE(header.type, 16);
  bytes.writeUInt32BE(header.serial, 20);
  bytes.writeInt32BE(header.status, 24);
  bytes.set(body, LENGTH_BYTES + HEADER_BYTES);
  return bytes;
}

/** Writes a call's number into its encoded frame and returns the frame. */
export function stampSerial(frame: Buffer, serial: number): Buffer {
  frame.writeUInt32BE(serial, 20);
  return frame;
}

/** Reads what follows the length word. Throws ProtocolError on a type or status that does not exist. */
function decodeFrame(bytes: Buffer): Frame {
  const header: FrameHeader = {
    program: bytes.readUInt32BE(0),
    version: bytes.readUInt32BE(4),
    procedure: bytes.readInt32BE(8),
    type: bytes.readInt32BE(12),
    serial: bytes.readUInt32BE(16),
    status: bytes.readInt32BE(20),
  };
  if (header.type < MessageType.call || header.type > MessageType.replyWithFds)
    throw new ProtocolError(`message type ${header.type} does not exist`);
  if (header.status < MessageStatus.ok || header.status > MessageStatus.continue)
    throw new ProtocolError(`message status ${header.status} does not exist`);
  return { header, body: bytes.subarray(HEADER_BYTES) };
}

/** First allocation for a frame, in bytes; it grows only as data comes. */
const FIRST_ALLOCATION = 65_536;

/** Cuts a byte stream into frames, however it was split on the way. Memory stays below twice what has come. */
export class FrameParser {
  readonly #lengthWord: Buffer = Buffer.alloc(LENGTH_BYTES);
  #frame: Buffer = Buffer.alloc(0);
  #received = 0;

  /** Yields the frames that `chunk` completes. Throws ProtocolError on a stream that cannot be read further. */
  *push(chunk: Buffer): Generator<Frame, void, undefined> {
    let rest = chunk;
    while (rest.length > 0) {
      rest = this.#received < LENGTH_BYTES ? this.#takeLength(rest) : this.#takeFrame(rest);
      if (this.#received < LENGTH_BYTES || this.#missing() > 0) continue;
      const bytes = this.#frame;
      this.#frame = Buffer.alloc(0);
      this.#received = 0;
      yield decodeFrame(bytes);
    }
  }

  #takeLength(bytes: Buffer): Buffer {
    const taken = bytes.copy(this.#lengthWord, this.#received, 0, LENGTH_BYTES - this.#received);
    this.#received += taken;
    if (this.#received === LENGTH_BYTES) {
      const length = this.#lengthWord.readUInt32BE(0);
      if (length < LENGTH_BYTES + HEADER_BYTES || length > FRAME_MAX)
        throw new ProtocolError(`a frame cannot be ${length} bytes long`);
    }
    return bytes.subarray(taken);
  }

  #takeFrame(bytes: Buffer): Buffer {
    const filled = this.#received - LENGTH_BYTES;
    const taken = bytes.subarray(0, this.#missing());
    this.#reserve(filled + taken.length);
    this.#frame.set(taken, filled);
    this.#received += taken.length;
    return bytes.subarray(taken.length);
  }

  #reserve(size: number): void {
    if (size <= this.#frame.length) return;
    const whole = this.#lengthWord.readUInt32BE(0) - LENGTH_BYTES;
    const larger = Buffer.alloc(Math.min(whole, Math.max(FIRST_ALLOCATION, this.#frame.length * 2, size)));
    larger.set(this.#frame);
    this.#frame = larger;
  }

  #missing(): number {
    return this.#lengthWord.readUInt32BE(0) - this.#received;
  }
}
