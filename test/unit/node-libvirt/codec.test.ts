import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { array, int32, nullable, string, uint32, uint64, uuid } from '../../../src/node-libvirt/codec.ts';
import {
  type Codec,
  connectionClosedEvent,
  decodeBody,
  encodeBody,
  errorDetails as errorCodec,
  lifecycleEvent,
  procedures,
  STRING_MAX,
  XdrError,
} from '../../../src/node-libvirt/index.ts';
import { int32 as anyInt32, domain, errorDetails, valuesOf } from './arbitraries.ts';

type Case = [name: string, codec: Codec<unknown>, values: fc.Arbitrary<unknown>];

const cases: Case[] = [
  ...Object.entries(procedures).flatMap(([name, procedure]): Case[] => {
    const values = valuesOf[name as keyof typeof valuesOf];
    return [
      [`arguments of ${name}`, procedure.args as Codec<unknown>, values.args],
      [`result of ${name}`, procedure.result as Codec<unknown>, values.result],
    ];
  }),
  ['error', errorCodec as Codec<unknown>, errorDetails],
  [
    'lifecycle event',
    lifecycleEvent.body as Codec<unknown>,
    fc.record({ callbackId: anyInt32, domain, event: anyInt32, detail: anyInt32 }),
  ],
  ['connection closed event', connectionClosedEvent.body as Codec<unknown>, anyInt32],
];

/** What decoding gave: a value, or the one error it may throw. */
function outcome(codec: Codec<unknown>, bytes: Buffer): 'value' | 'XdrError' {
  try {
    decodeBody(codec, bytes);
    return 'value';
  } catch (error) {
    if (error instanceof XdrError) return 'XdrError';
    throw error;
  }
}

describe.each(cases)('%s', (_name, codec, values) => {
  test('comes back as it was sent, in whole words', () => {
    fc.assert(
      fc.property(values, value => {
        const bytes = encodeBody(codec, value);
        expect(bytes.length % 4).toBe(0);
        expect(decodeBody(codec, bytes)).toEqual(value);
      }),
      { numRuns: 50 },
    );
  });

  test('cut short anywhere or with a tail, it is refused', () => {
    fc.assert(
      fc.property(values, value => {
        const bytes = Buffer.from(encodeBody(codec, value));
        const lengths = Array.from({ length: bytes.length }, (_, length) => length);
        expect(lengths.filter(length => outcome(codec, bytes.subarray(0, length)) !== 'XdrError')).toEqual([]);
        expect(outcome(codec, Buffer.concat([bytes, Buffer.alloc(4)]))).toBe('XdrError');
      }),
      { numRuns: 10 },
    );
  });

  test('from random or damaged bytes comes a value or an XdrError, nothing else', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), bytes => {
        outcome(codec, Buffer.from(bytes));
      }),
      { numRuns: 50 },
    );
    fc.assert(
      fc.property(values, fc.nat(), fc.integer({ min: 1, max: 255 }), (value, at, flip) => {
        const bytes = Buffer.from(encodeBody(codec, value));
        if (bytes.length > 0) bytes.writeUInt8(bytes.readUInt8(at % bytes.length) ^ flip, at % bytes.length);
        outcome(codec, bytes);
      }),
      { numRuns: 50 },
    );
  });
});

test('the bytes are those of libvirt: a lookup, recorded from virsh', () => {
  expect(encodeBody(procedures.domainLookupByName.args, 'test').toString('hex')).toBe('0000000474657374');
  const reply = '00000004746573746695eb01f6a4830479aa97f2502e193f00000001';
  expect(decodeBody(procedures.domainLookupByName.result, Buffer.from(reply, 'hex'))).toEqual({
    name: 'test',
    uuid: '6695eb01-f6a4-8304-79aa-97f2502e193f',
    id: 1,
  });
});

test('a length that lies is refused before anything is allocated for it', () => {
  const lie = Buffer.from('ffffffff', 'hex');
  expect(() => decodeBody(string, lie)).toThrow('exceeds 4194304');
  expect(() => decodeBody(array(string, 16_384), lie)).toThrow('exceeds 16384');
  const plausible = Buffer.from('00004000', 'hex');
  expect(() => decodeBody(array(string, 16_384), plausible)).toThrow('too early');
  expect(() => decodeBody(nullable(string), Buffer.from('00000002', 'hex'))).toThrow('neither present nor absent');
});

test('what the protocol cannot carry is refused before it is sent', () => {
  expect(() => encodeBody(string, 'red\0green')).toThrow(XdrError);
  expect(encodeBody(string, 'x'.repeat(STRING_MAX)).length).toBe(STRING_MAX + 4);
  expect(() => encodeBody(string, 'x'.repeat(STRING_MAX + 1))).toThrow(XdrError);
  expect(() => encodeBody(string, 'é'.repeat(STRING_MAX / 2 + 1))).toThrow(XdrError);
  expect(() => encodeBody(array(int32, 2), [1, 2, 3])).toThrow(XdrError);
  for (const bad of ['', 'sys-net', '6695eb01f6a4830479aa97f2502e193f', '6695eb01-f6a4-8304-79aa-97f2502e193'])
    expect(() => encodeBody(uuid, bad)).toThrow(XdrError);
  for (const bad of [Number.NaN, 0.5, 2 ** 31, -(2 ** 31) - 1]) expect(() => encodeBody(int32, bad)).toThrow(XdrError);
  for (const bad of [Number.NaN, 0.5, 2 ** 32, -1]) expect(() => encodeBody(uint32, bad)).toThrow(XdrError);
  for (const bad of [-1n, 2n ** 64n]) expect(() => encodeBody(uint64, bad)).toThrow(XdrError);
});

test('a string with NUL in it is refused when it comes, too: in C it would be another one', () => {
  expect(() => decodeBody(string, Buffer.from('0000000372006400', 'hex'))).toThrow(XdrError);
});

test('a UUID is canonical whatever case it was written in', () => {
  const text = '6695EB01-f6a4-8304-79AA-97f2502e193f';
  expect(decodeBody(uuid, encodeBody(uuid, text))).toBe(text.toLowerCase());
});
