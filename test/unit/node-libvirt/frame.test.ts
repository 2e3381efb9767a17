import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  encodeFrame,
  FRAME_MAX,
  type Frame,
  type FrameHeader,
  FrameParser,
  ProtocolError,
} from '../../../src/node-libvirt/index.ts';
import { int32, uint32 } from './arbitraries.ts';

const header: fc.Arbitrary<FrameHeader> = fc.record({
  program: uint32,
  version: uint32,
  procedure: int32,
  type: fc.integer({ min: 0, max: 5 }),
  serial: uint32,
  status: fc.integer({ min: 0, max: 2 }),
});
const frame: fc.Arbitrary<Frame> = fc.record({
  header,
  body: fc.uint8Array({ maxLength: 60 }).map(b => Buffer.from(b)),
});

const sample: FrameHeader = { program: 0x20008086, version: 1, procedure: 23, type: 1, serial: 7, status: 0 };

function parse(chunks: readonly Buffer[]): Frame[] {
  const parser = new FrameParser();
  return chunks.flatMap(chunk => [...parser.push(chunk)]);
}

function withLength(length: number): Buffer {
  const bytes = encodeFrame(sample, Buffer.alloc(0));
  bytes.writeUInt32BE(length, 0);
  return bytes;
}

describe('frames', () => {
  test('come out as they went in, split at every byte', () => {
    fc.assert(
      fc.property(fc.array(frame, { minLength: 1, maxLength: 4 }), frames => {
        const stream = Buffer.concat(frames.map(f => encodeFrame(f.header, f.body)));
        for (let at = 0; at <= stream.length; at += 1)
          expect(parse([stream.subarray(0, at), stream.subarray(at)])).toEqual(frames);
        expect(parse(Array.from(stream, byte => Buffer.from([byte])))).toEqual(frames);
      }),
      { numRuns: 30 },
    );
  });

  test('larger than the first allocation grow as they come', () => {
    const body = Buffer.alloc(300_000, 'libvirt');
    const stream = encodeFrame(sample, body);
    const chunks = Array.from({ length: 20 }, (_, i) => stream.subarray(i * 16_000, (i + 1) * 16_000));
    expect(parse(chunks).map(f => f.body.equals(body))).toEqual([true]);
    expect(parse([stream]).map(f => f.body.equals(body))).toEqual([true]);
  });

  test.each([0, 3, 4, 27, FRAME_MAX + 1, 0x7fffffff, 0xffffffff])('of announced length %d are refused', length => {
    expect(() => parse([withLength(length)])).toThrow(ProtocolError);
  });

  test('before a broken one are still delivered', () => {
    const parser = new FrameParser();
    const frames = parser.push(Buffer.concat([encodeFrame(sample, Buffer.alloc(4)), withLength(3)]));
    expect(frames.next().value).toEqual({ header: sample, body: Buffer.alloc(4) });
    expect(() => frames.next()).toThrow(ProtocolError);
  });

  test.each([
    ['type', { ...sample, type: 6 }],
    ['type', { ...sample, type: -1 }],
    ['status', { ...sample, status: 3 }],
    ['status', { ...sample, status: -1 }],
  ])('with a %s that does not exist are refused', (_what, bad) => {
    expect(() => parse([encodeFrame(bad, Buffer.alloc(0))])).toThrow(ProtocolError);
  });

  test('too long to be sent are refused', () => {
    expect(() => encodeFrame(sample, Buffer.alloc(FRAME_MAX - 27))).toThrow(ProtocolError);
  });

  test('that are only announced take no memory', () => {
    const before = process.memoryUsage().arrayBuffers;
    const parsers = Array.from({ length: 100 }, () => new FrameParser());
    for (const parser of parsers) expect([...parser.push(withLength(FRAME_MAX))]).toEqual([]);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 * FRAME_MAX);
  });

  test('from random bytes or damaged streams: frames or a ProtocolError, nothing else', () => {
    const damaged = fc
      .tuple(fc.array(frame, { minLength: 1, maxLength: 3 }), fc.nat(), fc.integer({ min: 1, max: 255 }))
      .map(([frames, at, flip]) => {
        const stream = Buffer.concat(frames.map(f => encodeFrame(f.header, f.body)));
        stream.writeUInt8(stream.readUInt8(at % stream.length) ^ flip, at % stream.length);
        return stream;
      });
    const random = fc.uint8Array({ maxLength: 200 }).map(bytes => Buffer.from(bytes));
    fc.assert(
      fc.property(fc.oneof(random, damaged), stream => {
        try {
          parse([stream]);
        } catch (error) {
          expect(error).toBeInstanceOf(ProtocolError);
        }
      }),
      { numRuns: 500 },
    );
  });
});
