import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  decodeStrings,
  encodeFrame,
  encodeStrings,
  type Frame,
  FrameParser,
  HEADER_BYTES,
  ProtocolError,
} from '../../../src/xenstore-client/index.ts';

const uint32 = fc.nat(0xffffffff);
const frames = fc.array(
  fc.record({
    type: uint32,
    requestId: uint32,
    transactionId: uint32,
    payload: fc.uint8Array({ maxLength: 200 }).map(bytes => Buffer.from(bytes)),
  }),
  { maxLength: 8 },
);

test('lays out the header as xs_wire.h says', () => {
  const frame = { type: 2, requestId: 0x01020304, transactionId: 0xffffffff, payload: Buffer.from('/a\0') };
  expect(encodeFrame(frame).toString('hex')).toBe('02000000' + '04030201' + 'ffffffff' + '03000000' + '2f6100');
});

test('reads back any frames, however the stream is cut', () => {
  fc.assert(
    fc.property(frames, fc.array(fc.nat(1000)), (sent, cuts) => {
      const stream = Buffer.concat(sent.map(encodeFrame));
      const parser = new FrameParser(200);
      const received: Frame[] = [];
      let start = 0;
      for (const cut of [...new Set([...cuts, stream.length])].sort((a, b) => a - b)) {
        received.push(...parser.push(stream.subarray(start, cut)));
        start = cut;
      }
      expect(received).toEqual(sent);
    }),
  );
});

test('reads back a frame that comes byte by byte', () => {
  const frame = { type: 11, requestId: 5, transactionId: 6, payload: Buffer.from('/a\0value') };
  const parser = new FrameParser();
  const received = [...encodeFrame(frame)].flatMap(byte => [...parser.push(Uint8Array.of(byte))]);
  expect(received).toEqual([frame]);
});

test('delivers what came before an oversized frame, and refuses that by its header alone', () => {
  const good = { type: 2, requestId: 1, transactionId: 0, payload: Buffer.from('x') };
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt32LE(0xffffffff, 12);
  const parser = new FrameParser(4096);
  const stream = parser.push(Buffer.concat([encodeFrame(good), header]));
  expect(stream.next().value).toEqual(good);
  expect(() => stream.next()).toThrow(ProtocolError);
});

test('takes a payload of exactly the limit, and none above it', () => {
  const frame = (length: number): Buffer =>
    encodeFrame({ type: 2, requestId: 1, transactionId: 0, payload: Buffer.alloc(length) });
  expect([...new FrameParser(4096).push(frame(4096))]).toHaveLength(1);
  expect(() => [...new FrameParser(4096).push(frame(4097))]).toThrow(/4097/);
});

test('joins and splits strings', () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: fc.constantFrom('a', '7', '/', 'ä', '😀', '\n') })), strings => {
      expect(decodeStrings(encodeStrings(...strings))).toEqual(strings);
    }),
  );
  expect(decodeStrings(Buffer.from('a\0b'))).toBeUndefined();
  expect(decodeStrings(Buffer.from('\0'))).toEqual(['']);
});

test('takes no names apart that are not UTF-8: with a replacement in it, a name would be that of another node', () => {
  expect(decodeStrings(Buffer.from('6465762d30ff00', 'hex'))).toBeUndefined();
  expect(decodeStrings(Buffer.from('c3bc00', 'hex'))).toEqual(['ü']);
});
