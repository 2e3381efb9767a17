import fc from 'fast-check';
import type { DomainRef, ErrorDetails, Procedure, procedures } from '../../../src/node-libvirt/index.ts';

export const int32: fc.Arbitrary<number> = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
export const uint32: fc.Arbitrary<number> = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const uint64: fc.Arbitrary<bigint> = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
/** Anything UTF-8 can carry and C can read: no NUL, no lone surrogates. */
const text: fc.Arbitrary<string> = fc.string({ unit: 'binary', maxLength: 40 }).map(s => s.replaceAll('\0', ''));
const nullableText: fc.Arbitrary<string | null> = fc.option(text);
export const domain: fc.Arbitrary<DomainRef> = fc.record({ name: text, uuid: fc.uuid({ version: [1, 4] }), id: int32 });
export const errorDetails: fc.Arbitrary<ErrorDetails> = fc.record({
  code: int32,
  domain: int32,
  message: nullableText,
  level: int32,
  str1: nullableText,
  str2: nullableText,
  str3: nullableText,
  int1: int32,
  int2: int32,
});

const none: fc.Arbitrary<void> = fc.constant(undefined);
const domainAndFlags = fc.record({ domain, flags: uint32 });
const xmlAndFlags = fc.record({ xml: text, flags: uint32 });
const domainDevice = fc.record({ domain, xml: text, flags: uint32 });
const list = fc.record({ needResults: int32, flags: uint32 });

type Procedures = typeof procedures;
type Sides<P> =
  P extends Procedure<infer Args, infer Result> ? { args: fc.Arbitrary<Args>; result: fc.Arbitrary<Result> } : never;

/** One entry for each procedure there is: a new one without values to test it with does not compile. */
export const valuesOf: { [Name in keyof Procedures]: Sides<Procedures[Name]> } = {
  connectOpen: { args: fc.record({ uri: nullableText, flags: uint32 }), result: none },
  connectClose: { args: none, result: none },
  connectGetType: { args: none, result: text },
  connectGetVersion: { args: none, result: uint64 },
  connectGetCapabilities: { args: none, result: text },
  domainCreateXml: { args: xmlAndFlags, result: domain },
  domainDestroy: { args: domain, result: none },
  domainGetXmlDesc: { args: domainAndFlags, result: text },
  domainLookupById: { args: int32, result: domain },
  domainLookupByName: { args: text, result: domain },
  domainLookupByUuid: { args: fc.uuid({ version: [1, 4] }), result: domain },
  domainReboot: { args: domainAndFlags, result: none },
  domainResume: { args: domain, result: none },
  domainShutdown: { args: domain, result: none },
  domainSuspend: { args: domain, result: none },
  domainUndefine: { args: domain, result: none },
  connectSupportsFeature: { args: int32, result: int32 },
  authList: { args: none, result: fc.array(int32, { maxLength: 20 }) },
  nodeDeviceLookupByName: { args: text, result: text },
  nodeDeviceGetXmlDesc: { args: fc.record({ name: text, flags: uint32 }), result: text },
  connectGetLibVersion: { args: none, result: uint64 },
  domainAttachDeviceFlags: { args: domainDevice, result: none },
  domainDetachDeviceFlags: { args: domainDevice, result: none },
  domainCreateWithFlags: { args: domainAndFlags, result: domain },
  domainGetState: { args: domainAndFlags, result: fc.record({ state: int32, reason: int32 }) },
  domainSetMetadata: {
    args: fc.record({
      domain,
      type: int32,
      metadata: nullableText,
      key: nullableText,
      uri: nullableText,
      flags: uint32,
    }),
    result: none,
  },
  domainGetMetadata: { args: fc.record({ domain, type: int32, uri: nullableText, flags: uint32 }), result: text },
  connectListAllDomains: { args: list, result: fc.array(domain, { maxLength: 8 }) },
  connectListAllNodeDevices: { args: list, result: fc.array(text, { maxLength: 8 }) },
  domainEventRegister: { args: fc.record({ eventId: int32, domain: fc.option(domain) }), result: int32 },
  domainEventDeregister: { args: int32, result: none },
  domainDefineXmlFlags: { args: xmlAndFlags, result: domain },
  connectRegisterCloseCallback: { args: none, result: none },
};
