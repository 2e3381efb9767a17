import { XdrDecoder, XdrEncoder, XdrError } from './xdr.ts';

/** How one type travels, in both directions: a client encodes arguments and decodes results, a server the reverse. */
export interface Codec<T> {
  /** Appends `value`; throws XdrError when the protocol cannot carry it. */
  encode(encoder: XdrEncoder, value: T): void;
  /** Reads one value; throws XdrError on bytes that are none. */
  decode(decoder: XdrDecoder): T;
}

/** Longest string either side accepts, in bytes (libvirt src/remote/remote_protocol.x, REMOTE_STRING_MAX). */
export const STRING_MAX = 4_194_304;

/** No arguments or no result. */
export const nothing: Codec<void> = { encode: () => undefined, decode: () => undefined };

/** XDR int. */
export const int32: Codec<number> = { encode: (e, value) => e.int32(value), decode: d => d.int32() };

/** XDR unsigned int. */
export const uint32: Codec<number> = { encode: (e, value) => e.uint32(value), decode: d => d.uint32() };

/** XDR unsigned hyper. */
export const uint64: Codec<bigint> = { encode: (e, value) => e.uint64(value), decode: d => d.uint64() };

/** remote_nonnull_string: UTF-8 of at most STRING_MAX bytes, without NUL in both directions, because C cuts a string there. */
export const string: Codec<string> = {
  encode(encoder, value) {
    if (value.includes('\0')) throw new XdrError('a string for libvirt must not contain NUL');
    const bytes = Buffer.from(value, 'utf8');
    if (bytes.length > STRING_MAX) throw new XdrError(`a string of ${bytes.length} bytes exceeds ${STRING_MAX}`);
    encoder.uint32(bytes.length);
    encoder.opaque(bytes);
  },
  decode(decoder) {
    const length = decoder.uint32();
    if (length > STRING_MAX) throw new XdrError(`a string of ${length} bytes exceeds ${STRING_MAX}`);
    const bytes = decoder.opaque(length);
    if (bytes.includes(0)) throw new XdrError('a string from libvirt must not contain NUL');
    return bytes.toString('utf8');
  },
};

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** remote_uuid: sixteen bytes on the wire, canonical lower-case text here. */
export const uuid: Codec<string> = {
  encode(encoder, value) {
    if (!UUID.test(value)) throw new XdrError(`${JSON.stringify(value)} is not a UUID`);
    encoder.opaque(Buffer.from(value.replaceAll('-', ''), 'hex'));
  },
  decode: decoder =>
    decoder
      .opaque(16)
      .toString('hex')
      .replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-'),
};

/** XDR optional ("pointer"): null when absent. */
export function nullable<T>(inner: Codec<T>): Codec<T | null> {
  return {
    encode(encoder, value) {
      encoder.uint32(value === null ? 0 : 1);
      if (value !== null) inner.encode(encoder, value);
    },
    decode(decoder) {
      const present = decoder.uint32();
      if (present > 1) throw new XdrError(`${present} says neither present nor absent`);
      return present === 1 ? inner.decode(decoder) : null;
    },
  };
}

/** XDR array of at most `max` elements. Nothing is allocated by the announced count. */
export function array<T>(inner: Codec<T>, max: number): Codec<T[]> {
  return {
    encode(encoder, values) {
      if (values.length > max) throw new XdrError(`a list of ${values.length} exceeds ${max}`);
      encoder.uint32(values.length);
      for (const value of values) inner.encode(encoder, value);
    },
    decode(decoder) {
      const count = decoder.uint32();
      if (count > max) throw new XdrError(`a list of ${count} exceeds ${max}`);
      const values: T[] = [];
      while (values.length < count) values.push(inner.decode(decoder));
      return values;
    },
  };
}

/** XDR struct: the members in the order in which they are written here. */
export function struct<T extends object>(members: { readonly [K in keyof T]: Codec<T[K]> }): Codec<T> {
  const names = Object.keys(members) as (keyof T)[];
  return {
    encode(encoder, value) {
      for (const name of names) members[name].encode(encoder, value[name]);
    },
    decode(decoder) {
      const value: Partial<T> = {};
      for (const name of names) value[name] = members[name].decode(decoder);
      return value as T;
    },
  };
}

/** The whole body for `value`. Throws XdrError. */
export function encodeBody<T>(codec: Codec<T>, value: T): Buffer {
  const encoder = new XdrEncoder();
  codec.encode(encoder, value);
  return encoder.bytes();
}

/** The one value `body` consists of. Throws XdrError, also when bytes are left over. */
export function decodeBody<T>(codec: Codec<T>, body: Buffer): T {
  const decoder = new XdrDecoder(body);
  const value = codec.decode(decoder);
  if (decoder.remaining > 0) throw new XdrError(`${decoder.remaining} bytes follow the end of the body`);
  return value;
}
