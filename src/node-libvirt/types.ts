import { array, type Codec, int32, nullable, string, struct, uint32, uuid } from './codec.ts';
import type { ErrorDetails } from './errors.ts';

/** Longest list of domains or node devices (libvirt src/remote/remote_protocol.x, REMOTE_DOMAIN_LIST_MAX and its like). */
export const LIST_MAX = 16_384;

/** What names a domain. libvirt goes by the UUID; name and id may have changed since. */
export interface DomainRef {
  readonly name: string;
  /** Canonical lower-case text. */
  readonly uuid: string;
  /** The hypervisor's number, -1 when not running. */
  readonly id: number;
}

/** remote_nonnull_domain. */
export const domainRef: Codec<DomainRef> = struct<DomainRef>({ name: string, uuid, id: int32 });

/** virDomainState (libvirt include/libvirt/libvirt-domain.h); the index is the number on the wire. */
export const domainStates = [
  'noState',
  'running',
  'blocked',
  'paused',
  'shuttingDown',
  'shutOff',
  'crashed',
  'suspended',
] as const;
export type DomainStateName = (typeof domainStates)[number] | 'unknown';

/** virDomainEventType (libvirt-domain.h); the index is the number on the wire. */
export const lifecycleEvents = [
  'defined',
  'undefined',
  'started',
  'suspended',
  'resumed',
  'stopped',
  'shutdown',
  'suspendedByGuest',
  'crashed',
] as const;
export type LifecycleEventName = (typeof lifecycleEvents)[number] | 'unknown';

/** The name for a number on the wire, or `unknown` for one of a newer libvirt. */
export function nameOf<Names extends readonly string[]>(names: Names, number: number): Names[number] | 'unknown' {
  return names[number] ?? 'unknown';
}

/** A domain's state as it travels. */
export interface WireDomainState {
  /** Index into domainStates. */
  readonly state: number;
  /** How it came there: numbered per state in libvirt-domain.h. */
  readonly reason: number;
}
export const wireDomainState: Codec<WireDomainState> = struct<WireDomainState>({ state: int32, reason: int32 });

/** A lifecycle event as it travels (remote_domain_event_callback_lifecycle_msg). */
export interface WireLifecycleEvent {
  readonly callbackId: number;
  readonly domain: DomainRef;
  /** Index into lifecycleEvents. */
  readonly event: number;
  /** Why: numbered per event in libvirt-domain.h. */
  readonly detail: number;
}
export const wireLifecycleEvent: Codec<WireLifecycleEvent> = struct<WireLifecycleEvent>({
  callbackId: int32,
  domain: domainRef,
  event: int32,
  detail: int32,
});

/** A list as libvirt returns it: the items and once more their number. */
export function listOf<T>(item: Codec<T>): Codec<T[]> {
  const items = array(item, LIST_MAX);
  return {
    encode(encoder, values) {
      items.encode(encoder, values);
      encoder.uint32(values.length);
    },
    decode(decoder) {
      const values = items.decode(decoder);
      decoder.uint32();
      return values;
    },
  };
}

/** Arguments of all list procedures. */
export interface ListArguments {
  /** 1: return the items; 0: only count them. */
  readonly needResults: number;
  readonly flags: number;
}
export const listArguments: Codec<ListArguments> = struct<ListArguments>({ needResults: int32, flags: uint32 });

const nullableString = nullable(string);
const network = struct<{ name: string; uuid: string }>({ name: string, uuid });
const errorStruct = struct<ErrorDetails & { dom: DomainRef | null; net: object | null }>({
  code: int32,
  domain: int32,
  message: nullableString,
  level: int32,
  dom: nullable(domainRef),
  str1: nullableString,
  str2: nullableString,
  str3: nullableString,
  int1: int32,
  int2: int32,
  net: nullable(network) as Codec<object | null>,
});

/** The body of a failed reply (virnetprotocol.x, virNetMessageError). Its domain and network members are unused there. */
export const errorDetails: Codec<ErrorDetails> = {
  encode: (encoder, value) => errorStruct.encode(encoder, { ...value, dom: null, net: null }),
  decode(decoder) {
    const { dom: _dom, net: _net, ...details } = errorStruct.decode(decoder);
    return details;
  },
};
