// What can be asked of libvirtd: numbers, arguments and results are those of libvirt src/remote/remote_protocol.x,
// which libvirt keeps as a long-term stable ABI (docs/support.rst, "RPC protocol").
import { array, type Codec, int32, nothing, nullable, string, struct, uint32, uint64, uuid } from './codec.ts';
import {
  type DomainRef,
  domainRef,
  type ListArguments,
  listArguments,
  listOf,
  type WireDomainState,
  wireDomainState,
} from './types.ts';

/** One procedure, usable from both ends. */
export interface Procedure<Args, Result> {
  readonly number: number;
  readonly name: string;
  readonly args: Codec<Args>;
  readonly result: Codec<Result>;
}

export interface DomainAndFlags {
  readonly domain: DomainRef;
  readonly flags: number;
}
export interface XmlAndFlags {
  readonly xml: string;
  readonly flags: number;
}
export interface NameAndFlags {
  readonly name: string;
  readonly flags: number;
}
export interface DomainDevice {
  readonly domain: DomainRef;
  readonly xml: string;
  /** 0 the current state, 1 live, 2 stored, 3 both. */
  readonly flags: number;
}
export interface MetadataQuery {
  readonly domain: DomainRef;
  /** 0 description, 1 title, 2 element. */
  readonly type: number;
  readonly uri: string | null;
  readonly flags: number;
}
export interface MetadataChange {
  readonly domain: DomainRef;
  readonly type: number;
  /** null removes it. */
  readonly metadata: string | null;
  readonly key: string | null;
  readonly uri: string | null;
  readonly flags: number;
}
export interface OpenArguments {
  readonly uri: string | null;
  /** 1: read-only. */
  readonly flags: number;
}
export interface EventRegistration {
  /** virDomainEventID; 0 is lifecycle. */
  readonly eventId: number;
  /** null: of all domains. */
  readonly domain: DomainRef | null;
}

function define<Args, Result>(
  number: number,
  name: string,
  args: Codec<Args>,
  result: Codec<Result>,
): Procedure<Args, Result> {
  return { number, name, args, result };
}

const domainAndFlags = struct<DomainAndFlags>({ domain: domainRef, flags: uint32 });
const xmlAndFlags = struct<XmlAndFlags>({ xml: string, flags: uint32 });
const nameAndFlags = struct<NameAndFlags>({ name: string, flags: uint32 });
const domainDevice = struct<DomainDevice>({ domain: domainRef, xml: string, flags: uint32 });
const eventRegistration = struct<EventRegistration>({ eventId: int32, domain: nullable(domainRef) });
const openArguments = struct<OpenArguments>({ uri: nullable(string), flags: uint32 });
const metadataQuery = struct<MetadataQuery>({
  domain: domainRef,
  type: int32,
  uri: nullable(string),
  flags: uint32,
});
const metadataChange = struct<MetadataChange>({
  domain: domainRef,
  type: int32,
  metadata: nullable(string),
  key: nullable(string),
  uri: nullable(string),
  flags: uint32,
});

/** REMOTE_AUTH_TYPE_LIST_MAX. */
const AUTH_TYPES_MAX = 20;

export const connectOpen: Procedure<OpenArguments, void> = define(1, 'connectOpen', openArguments, nothing);
export const connectClose: Procedure<void, void> = define(2, 'connectClose', nothing, nothing);
export const connectGetType: Procedure<void, string> = define(3, 'connectGetType', nothing, string);
/** The hypervisor's version: major * 1,000,000 + minor * 1,000 + release. */
export const connectGetVersion: Procedure<void, bigint> = define(4, 'connectGetVersion', nothing, uint64);
export const connectGetCapabilities: Procedure<void, string> = define(7, 'connectGetCapabilities', nothing, string);
export const domainCreateXml: Procedure<XmlAndFlags, DomainRef> = define(10, 'domainCreateXml', xmlAndFlags, domainRef);
export const domainDestroy: Procedure<DomainRef, void> = define(12, 'domainDestroy', domainRef, nothing);
/** Flag 2 (VIR_DOMAIN_XML_INACTIVE) asks for the stored definition. */
export const domainGetXmlDesc: Procedure<DomainAndFlags, string> = define(
  14,
  'domainGetXmlDesc',
  domainAndFlags,
  string,
);
export const domainLookupById: Procedure<number, DomainRef> = define(22, 'domainLookupById', int32, domainRef);
export const domainLookupByName: Procedure<string, DomainRef> = define(23, 'domainLookupByName', string, domainRef);
export const domainLookupByUuid: Procedure<string, DomainRef> = define(24, 'domainLookupByUuid', uuid, domainRef);
export const domainReboot: Procedure<DomainAndFlags, void> = define(27, 'domainReboot', domainAndFlags, nothing);
export const domainResume: Procedure<DomainRef, void> = define(28, 'domainResume', domainRef, nothing);
export const domainShutdown: Procedure<DomainRef, void> = define(33, 'domainShutdown', domainRef, nothing);
export const domainSuspend: Procedure<DomainRef, void> = define(34, 'domainSuspend', domainRef, nothing);
export const domainUndefine: Procedure<DomainRef, void> = define(35, 'domainUndefine', domainRef, nothing);
/** One of Feature; the result is 1 or 0. */
export const connectSupportsFeature: Procedure<number, number> = define(60, 'connectSupportsFeature', int32, int32);
/** The logins offered: 0 none, 1 SASL, 2 polkit. */
export const authList: Procedure<void, number[]> = define(66, 'authList', nothing, array(int32, AUTH_TYPES_MAX));
export const nodeDeviceLookupByName: Procedure<string, string> = define(113, 'nodeDeviceLookupByName', string, string);
export const nodeDeviceGetXmlDesc: Procedure<NameAndFlags, string> = define(
  114,
  'nodeDeviceGetXmlDesc',
  nameAndFlags,
  string,
);
/** The daemon's version, numbered as the hypervisor's. */
export const connectGetLibVersion: Procedure<void, bigint> = define(157, 'connectGetLibVersion', nothing, uint64);
export const domainAttachDeviceFlags: Procedure<DomainDevice, void> = define(
  160,
  'domainAttachDeviceFlags',
  domainDevice,
  nothing,
);
export const domainDetachDeviceFlags: Procedure<DomainDevice, void> = define(
  161,
  'domainDetachDeviceFlags',
  domainDevice,
  nothing,
);
/** Starts a defined domain; flag 1 leaves it paused. The result carries its new id. */
export const domainCreateWithFlags: Procedure<DomainAndFlags, DomainRef> = define(
  196,
  'domainCreateWithFlags',
  domainAndFlags,
  domainRef,
);
export const domainGetState: Procedure<DomainAndFlags, WireDomainState> = define(
  212,
  'domainGetState',
  domainAndFlags,
  wireDomainState,
);
export const domainSetMetadata: Procedure<MetadataChange, void> = define(
  264,
  'domainSetMetadata',
  metadataChange,
  nothing,
);
export const domainGetMetadata: Procedure<MetadataQuery, string> = define(
  265,
  'domainGetMetadata',
  metadataQuery,
  string,
);
export const connectListAllDomains: Procedure<ListArguments, DomainRef[]> = define(
  273,
  'connectListAllDomains',
  listArguments,
  listOf(domainRef),
);
export const connectListAllNodeDevices: Procedure<ListArguments, string[]> = define(
  285,
  'connectListAllNodeDevices',
  listArguments,
  listOf(string),
);
/** The result is the callback id that events of this registration carry. */
export const domainEventRegister: Procedure<EventRegistration, number> = define(
  316,
  'domainEventRegister',
  eventRegistration,
  int32,
);
export const domainEventDeregister: Procedure<number, void> = define(317, 'domainEventDeregister', int32, nothing);
export const domainDefineXmlFlags: Procedure<XmlAndFlags, DomainRef> = define(
  350,
  'domainDefineXmlFlags',
  xmlAndFlags,
  domainRef,
);
export const connectRegisterCloseCallback: Procedure<void, void> = define(
  360,
  'connectRegisterCloseCallback',
  nothing,
  nothing,
);
