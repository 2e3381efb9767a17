import { type DomainRef, ErrorCode } from '../../node-libvirt/index.ts';
import { type Domain, EMPTY_DEFINITION } from '../model/domain.ts';
import type { Affected } from '../model/libvirt.ts';
import { LibvirtRefusal } from '../model/refusal.ts';
import type { Daemon } from './daemon.ts';
import { formatDomain, parseDomain } from './domain-xml.ts';
import { refOf, resolve } from './domains.ts';
import { parseHostdev } from './hostdev-xml.ts';
import { parseRoot } from './xml.ts';

const AFFECT_LIVE = 1;
const AFFECT_CONFIG = 2;

/** Flags 0 mean the current state: the running instance, or else the stored definition. */
function affectedBy(domain: Domain, flags: number): Affected {
  const running = domain.instance !== undefined;
  if ((flags & (AFFECT_LIVE | AFFECT_CONFIG)) === 0) return { live: running, stored: !running };
  return { live: (flags & AFFECT_LIVE) !== 0, stored: (flags & AFFECT_CONFIG) !== 0 };
}

/** Attaches or detaches a hostdev. */
export function changeDevice(
  { model: { libvirt }, jobs }: Daemon,
  verb: 'attach' | 'detach',
  { domain: ref, xml, flags }: { domain: DomainRef; xml: string; flags: number },
): Promise<void> {
  const domain = resolve(libvirt, ref);
  const hostdev = parseHostdev(xml);
  const affected = affectedBy(domain, flags);
  return jobs.run({
    domain: domain.uuid,
    operation: affected.live ? verb : 'configure',
    device: hostdev.address,
    run: () => libvirt[verb](domain, hostdev, affected),
    claimed: undefined,
  });
}

/** Stores a definition. */
export function define({ model: { libvirt }, jobs }: Daemon, xml: string): Promise<DomainRef> {
  const { definition, ...identity } = parseDomain(xml);
  return jobs.run({
    domain: identity.uuid,
    operation: 'configure',
    run: () => refOf(libvirt.define(identity, definition)),
    claimed: { name: identity.name, uuid: identity.uuid, id: -1 },
  });
}

/** Starts a stored domain. */
export function start(daemon: Daemon, ref: DomainRef, paused: boolean): Promise<DomainRef> {
  const { libvirt } = daemon.model;
  const domain = resolve(libvirt, ref);
  const run = (): DomainRef => {
    libvirt.start(domain, paused);
    return refOf(domain);
  };
  const xml = (): string => formatDomain(domain, domain.stored ?? EMPTY_DEFINITION, libvirt.version);
  return daemon.jobs.run({
    domain: domain.uuid,
    operation: 'start',
    run,
    claimed: ref,
    ...aroundStart(daemon, domain.name, xml),
  });
}

/** Starts a domain that is not stored. */
export function create(daemon: Daemon, xml: string): Promise<DomainRef> {
  const { definition, ...identity } = parseDomain(xml);
  const { libvirt } = daemon.model;
  const whole = (): string =>
    formatDomain(
      { ...identity, toolstack: 'libvirt', stored: undefined, instance: undefined },
      definition,
      libvirt.version,
    );
  return daemon.jobs.run({
    domain: identity.uuid,
    operation: 'start',
    run: () => refOf(libvirt.create(identity, definition)),
    claimed: { name: identity.name, uuid: identity.uuid, id: -1 },
    ...aroundStart(daemon, identity.name, whole),
  });
}

/** The hook may refuse in `prepare`; what it says of `started` is not simulated. */
function aroundStart(
  { hooks }: Daemon,
  name: string,
  xml: () => string,
): { before: () => Promise<void>; after: () => Promise<void> } {
  return {
    before: () => hooks.call(name, 'prepare', xml()),
    after: () => hooks.call(name, 'started', xml()),
  };
}

/** Ends or changes a running instance. */
export function end(
  { model: { libvirt }, jobs }: Daemon,
  ref: DomainRef,
  act: (domain: Domain) => void,
): Promise<void> {
  const domain = resolve(libvirt, ref);
  return jobs.run({ domain: domain.uuid, operation: 'stop', run: () => act(domain), claimed: undefined });
}

const METADATA_ELEMENT = 2;

/** Sets or removes a metadata element. Titles and descriptions are not simulated. */
export function setMetadata(
  { model: { libvirt } }: Daemon,
  args: {
    domain: DomainRef;
    type: number;
    metadata: string | null;
    key: string | null;
    uri: string | null;
    flags: number;
  },
): void {
  const { metadata: xml, key, uri } = args;
  if (args.type !== METADATA_ELEMENT || uri === null || (xml !== null && key === null)) throw unsupported();
  if (xml !== null) parseRoot(xml, /^\s*<([\w.-]+)/.exec(xml)?.[1] ?? '');
  const domain = resolve(libvirt, args.domain);
  libvirt.edit(domain, affectedBy(domain, args.flags), definition => {
    const others = definition.metadata.filter(item => item.uri !== uri);
    const metadata = xml === null ? others : [...others, { uri, key: key ?? '', xml }];
    return { ...definition, metadata };
  });
}

/** The metadata element of a namespace. */
export function getMetadata(
  { model: { libvirt } }: Daemon,
  args: { domain: DomainRef; type: number; uri: string | null; flags: number },
): string {
  if (args.type !== METADATA_ELEMENT) throw unsupported();
  const domain = resolve(libvirt, args.domain);
  const affected = affectedBy(domain, args.flags);
  if (affected.live && domain.instance === undefined) {
    throw new LibvirtRefusal(ErrorCode.operationInvalid, 'Requested operation is not valid: domain is not running');
  }
  const definition = affected.live ? domain.instance?.live : domain.stored;
  const found = definition?.metadata.find(item => item.uri === args.uri);
  if (found === undefined) {
    throw new LibvirtRefusal(
      ErrorCode.noDomainMetadata,
      'metadata not found: Requested metadata element is not present',
    );
  }
  return found.xml;
}

function unsupported(): LibvirtRefusal {
  return new LibvirtRefusal(
    ErrorCode.argumentUnsupported,
    'argument unsupported: only metadata elements are simulated',
  );
}
