import { messageOf } from '../../controller/message-of.ts';
import { HostError } from '../../controller/ports.ts';
import { type DomainRef, ErrorCode, isLibvirtError } from '../../node-libvirt/index.ts';
import { lookup } from '../../plan/lookup.ts';
import type { LibvirtAccess } from '../dom0.ts';
import { type Definition, readDefinition } from './definition.ts';

/** The part of LibvirtClient that the view needs. */
export type LibvirtReader = Pick<LibvirtAccess, 'listDomains' | 'domainState' | 'domainXml'>;

/** The part of LibvirtClient that connecting needs. */
export type LibvirtConnection = Pick<LibvirtAccess, 'connected' | 'connect' | 'onConnectFailure'>;

/** A domain as libvirt knows it. */
export interface LibvirtDomain {
  readonly name: string;
  readonly uuid: string;
  /** Absent while it is shut off. */
  readonly domid?: number;
  readonly state: 'running' | 'paused' | 'changing' | 'shutoff';
  /** It is paused because it has gone to sleep (`virsh dompmsuspend`). */
  readonly asleep?: true;
  /** Its crashed instance is kept. */
  readonly crashed?: true;
  /** What it believes of the running instance. */
  readonly live?: Definition;
  /** What the next start will use; absent for a transient domain. */
  readonly stored?: Definition;
}

/**
 * Connects unless there is a connection. The client would go on trying until its deadline; a look is rather told at once
 * that there is no libvirtd.
 * @throws {HostError} Unreachable when the first attempt fails.
 */
export async function connectLibvirt(client: LibvirtConnection, signal: AbortSignal): Promise<void> {
  if (client.connected) return;
  let stop = (): void => {};
  const failed = new Promise<never>((_, reject) => {
    stop = client.onConnectFailure(reject);
  });
  try {
    await Promise.race([client.connect({ signal }), failed]);
  } catch (error) {
    signal.throwIfAborted();
    const said = messageOf(error);
    const message = said.startsWith('cannot reach') ? said : `cannot reach libvirt: ${said}`;
    throw new HostError('Unreachable', message, { cause: error });
  } finally {
    stop();
  }
}

/** virConnectListAllDomainsFlags (libvirt-domain.h). */
const LIST_PERSISTENT = 4;
const LIST_TRANSIENT = 8;
const LIST_RUNNING = 16;

/**
 * Looks at all domains, dom0 aside. One that disappears during the look is left out. A list tells which run, which are most
 * of them; only the others are asked one by one for their state.
 * @param still what is known of a domain and need not be read; all are read when absent.
 * @throws {HostError} Unreachable when libvirt does not answer, or answers what cannot be understood.
 */
export async function readLibvirt(
  client: LibvirtReader,
  signal: AbortSignal,
  still: (domain: DomainRef) => LibvirtDomain | undefined = () => undefined,
): Promise<LibvirtDomain[]> {
  try {
    const [persistent, transient, running] = await Promise.all([
      client.listDomains({ flags: LIST_PERSISTENT, signal }),
      client.listDomains({ flags: LIST_TRANSIENT, signal }),
      client.listDomains({ flags: LIST_RUNNING, signal }),
    ]);
    // A domain that is just being stored may be in both lists.
    const stored = new Set(persistent.map(({ uuid }) => uuid));
    const domains = [...persistent, ...transient.filter(({ uuid }) => !stored.has(uuid))];
    const definitions = definitionsOf(client);
    definitions.retain(new Set(domains.map(({ uuid }) => uuid)));
    const run = new Set(running.map(instanceOf));
    const looks = domains
      .filter(({ id }) => id !== 0)
      .map(domain => {
        const listed = { isStored: stored.has(domain.uuid), isRunning: run.has(instanceOf(domain)) };
        const known = still(domain);
        if (known !== undefined && isAsListed(known, domain, listed)) return known;
        return readDomain(client, domain, { ...listed, definitions, signal });
      });
    return (await Promise.all(looks)).filter(domain => domain !== undefined);
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof HostError) throw error;
    throw new HostError('Unreachable', `cannot read libvirt: ${messageOf(error)}`, { cause: error });
  }
}

function instanceOf({ uuid, id }: DomainRef): string {
  return `${uuid} ${id}`;
}

/** What the lists tell of a domain. */
interface Listed {
  readonly isStored: boolean;
  readonly isRunning: boolean;
}

function isAsListed(known: LibvirtDomain, { name, id }: DomainRef, { isStored, isRunning }: Listed): boolean {
  if (known.name !== name || known.domid !== (id > 0 ? id : undefined)) return false;
  return (known.stored !== undefined) === isStored && (known.state === 'running') === isRunning;
}

interface DomainLook extends Listed {
  readonly definitions: KnownDefinitions;
  readonly signal: AbortSignal;
}

const RUNNING = { state: 'running', reason: 0 };

async function readDomain(
  client: LibvirtReader,
  domain: DomainRef,
  { isStored, isRunning, definitions, signal }: DomainLook,
): Promise<LibvirtDomain | undefined> {
  const running = domain.id > 0;
  try {
    const [{ state, reason }, live, stored] = await Promise.all([
      isRunning ? RUNNING : client.domainState(domain, { signal }),
      running ? client.domainXml(domain, { signal }) : undefined,
      isStored ? client.domainXml(domain, { inactive: true, signal }) : undefined,
    ]);
    return {
      name: domain.name,
      uuid: domain.uuid,
      ...(running ? { domid: domain.id } : {}),
      state: stateOf(state, running),
      ...(running && state === ASLEEP ? { asleep: true } : {}),
      ...(running && isCrashed(state, reason) ? { crashed: true } : {}),
      ...(live === undefined ? {} : { live: definitions.read(domain, 'live', live) }),
      ...(stored === undefined ? {} : { stored: definitions.read(domain, 'stored', stored) }),
    };
  } catch (error) {
    if (isLibvirtError(error, ErrorCode.noDomain)) return undefined;
    throw error;
  }
}

/** Definitions as they were last read: most are the same text at the next look, and XML takes long to understand. */
class KnownDefinitions {
  readonly #known = new Map<
    string,
    Map<'live' | 'stored', { readonly xml: string; readonly definition: Definition }>
  >();

  /** @throws {HostError} Unreachable when the text cannot be understood. */
  read(domain: DomainRef, which: 'live' | 'stored', xml: string): Definition {
    const both = this.#known.get(domain.uuid) ?? new Map();
    this.#known.set(domain.uuid, both);
    const last = both.get(which);
    if (last?.xml === xml) return last.definition;
    const definition = define(domain, xml);
    both.set(which, { xml, definition });
    return definition;
  }

  /** Forgets all domains but these. */
  retain(uuids: ReadonlySet<string>): void {
    for (const uuid of this.#known.keys()) if (!uuids.has(uuid)) this.#known.delete(uuid);
  }
}

const definitionsOf = lookup((_client: LibvirtReader) => new KnownDefinitions());

function define(domain: DomainRef, xml: string): Definition {
  try {
    return readDefinition(xml);
  } catch (error) {
    const message = `cannot understand libvirt's definition of ${domain.name}: ${messageOf(error)}`;
    throw new HostError('Unreachable', message, { cause: error });
  }
}

/** VIR_DOMAIN_PMSUSPENDED (libvirt-domain.h), as our client calls it. */
const ASLEEP = 'suspended';

/** The id is from the list and the state from later: where they do not fit together, the domain is changing. */
function stateOf(state: string, running: boolean): LibvirtDomain['state'] {
  const stopped = state === 'shutOff' || state === 'noState' || state === 'crashed';
  if (!running) return stopped ? 'shutoff' : 'changing';
  if (state === 'running' || state === 'blocked') return 'running';
  return state === 'paused' || state === ASLEEP ? 'paused' : 'changing';
}

/** virDomainShutoffReason (libvirt-domain.h). */
const SHUTOFF_CRASHED = 3;

/** With `on_crash` preserve the Xen driver says "shut off (crashed)" and goes on showing the domain id (seen on Xen 4.17). */
function isCrashed(state: string, reason: number): boolean {
  return state === 'crashed' || (state === 'shutOff' && reason === SHUTOFF_CRASHED);
}
