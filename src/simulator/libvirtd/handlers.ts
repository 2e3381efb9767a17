import { setTimeout as sleep } from 'node:timers/promises';
import { type DomainRef, ErrorCode, ErrorDomain, Feature, procedures } from '../../node-libvirt/index.ts';
import { StoppedDetail } from '../model/libvirt.ts';
import { internalError, LibvirtRefusal } from '../model/refusal.ts';
import { changeDevice, create, define, end, getMetadata, setMetadata, start } from './changes.ts';
import type { ClientState, Daemon } from './daemon.ts';
import { describeDomain, listDomains, refOf, resolve, stateOf } from './domains.ts';
import { type Handler, handler } from './handler.ts';
import { BrokenConnection } from './jobs.ts';
import { describeNodeDevice, findNodeDevice, nodeDeviceNames } from './node-devices.ts';

/** Xen 4.17.5, numbered as libvirt does. */
const XEN_VERSION = 4_017_005n;
const AUTH_NONE = 0;
const START_PAUSED = 1;
const EVENT_LIFECYCLE = 0;
const OFFERED_FEATURES: ReadonlySet<number> = new Set(Object.values(Feature));
const CAPABILITIES = [
  "<capabilities><host><cpu><arch>x86_64</arch></cpu></host><guest><os_type>xen</os_type><arch name='x86_64'>",
  "<domain type='xen'/></arch></guest></capabilities>",
].join('');

/** What this daemon answers, by procedure number. */
export const HANDLERS: ReadonlyMap<number, Handler> = new Map<number, Handler>([
  handler(procedures.authList, () => [AUTH_NONE], true),
  handler(procedures.connectSupportsFeature, supportsFeature, true),
  handler(procedures.connectOpen, open, true),
  handler(procedures.connectClose, () => undefined, true),
  handler(procedures.connectGetType, () => 'Xen'),
  handler(procedures.connectGetVersion, () => XEN_VERSION),
  handler(procedures.connectGetLibVersion, ({ model }) => BigInt(model.libvirt.version)),
  handler(procedures.connectGetCapabilities, () => CAPABILITIES),
  handler(procedures.connectListAllDomains, listAll),
  handler(procedures.connectRegisterCloseCallback, () => undefined),
  handler(procedures.domainLookupByName, ({ model }, name) =>
    refOf(model.libvirt.lookup(domain => domain.name === name, `name '${name}'`)),
  ),
  handler(procedures.domainLookupByUuid, ({ model }, uuid) =>
    refOf(model.libvirt.lookup(domain => domain.uuid === uuid, `uuid '${uuid}'`)),
  ),
  handler(procedures.domainLookupById, ({ model }, id) =>
    refOf(model.libvirt.lookup(({ instance }) => instance?.domid === id, `id '${id}'`)),
  ),
  handler(procedures.domainGetXmlDesc, ({ model: { libvirt } }, { domain, flags }) =>
    describeDomain(libvirt, resolve(libvirt, domain), flags),
  ),
  handler(procedures.domainGetState, ({ model: { libvirt } }, { domain }) => stateOf(resolve(libvirt, domain))),
  handler(procedures.domainDefineXmlFlags, (daemon, { xml }) => define(daemon, xml)),
  handler(procedures.domainUndefine, ({ model: { libvirt } }, ref) => libvirt.undefine(resolve(libvirt, ref))),
  handler(procedures.domainCreateXml, (daemon, { xml }) => create(daemon, xml)),
  handler(procedures.domainCreateWithFlags, (daemon, { domain, flags }) =>
    start(daemon, domain, (flags & START_PAUSED) !== 0),
  ),
  handler(procedures.domainDestroy, (daemon, ref) => stop(daemon, ref, StoppedDetail.destroyed)),
  handler(procedures.domainShutdown, (daemon, ref) => stop(daemon, ref, StoppedDetail.shutdown)),
  handler(procedures.domainReboot, (daemon, { domain }) =>
    end(daemon, domain, found => daemon.model.libvirt.reboot(found)),
  ),
  handler(procedures.domainSuspend, (daemon, ref) => setPaused(daemon, ref, true)),
  handler(procedures.domainResume, (daemon, ref) => setPaused(daemon, ref, false)),
  handler(procedures.domainAttachDeviceFlags, (daemon, args) => changeDevice(daemon, 'attach', args)),
  handler(procedures.domainDetachDeviceFlags, (daemon, args) => changeDevice(daemon, 'detach', args)),
  handler(procedures.domainSetMetadata, setMetadata),
  handler(procedures.domainGetMetadata, getMetadata),
  handler(procedures.connectListAllNodeDevices, ({ model }) => nodeDeviceNames(model.dom0)),
  handler(procedures.nodeDeviceLookupByName, ({ model }, name) => {
    findNodeDevice(model.dom0, name);
    return name;
  }),
  handler(procedures.nodeDeviceGetXmlDesc, ({ model }, { name }) =>
    describeNodeDevice(findNodeDevice(model.dom0, name)),
  ),
  handler(procedures.domainEventRegister, subscribe),
  handler(procedures.domainEventDeregister, (_daemon, callbackId, client) => {
    client.subscriptions.delete(callbackId);
  }),
]);

function supportsFeature(_daemon: Daemon, feature: number, client: ClientState): number {
  if (feature === Feature.keepalive) client.keepalive = true;
  return OFFERED_FEATURES.has(feature) ? 1 : 0;
}

function open(_daemon: Daemon, { uri }: { uri: string | null }, client: ClientState): void {
  if (uri !== null && uri !== '' && !uri.startsWith('xen:')) {
    const message = `no connection driver available for ${uri.slice(0, 200)}`;
    throw new LibvirtRefusal(ErrorCode.noConnect, message, ErrorDomain.none);
  }
  client.isOpen = true;
}

async function listAll({ model, faults }: Daemon, { flags }: { flags: number }): Promise<DomainRef[]> {
  const { kind, delayMs } = faults.take('look');
  if (delayMs > 0) await sleep(delayMs);
  if (kind === 'connectionLost') throw new BrokenConnection();
  if (kind !== undefined) throw internalError(`injected fault: ${kind}`);
  return listDomains(model.libvirt, flags);
}

function subscribe(
  _daemon: Daemon,
  { eventId, domain }: { eventId: number; domain: DomainRef | null },
  client: ClientState,
): number {
  const callbackId = client.nextCallbackId;
  client.nextCallbackId += 1;
  // The Xen driver takes every subscription, and sends lifecycle events only.
  if (eventId === EVENT_LIFECYCLE) client.subscriptions.set(callbackId, { callbackId, uuid: domain?.uuid });
  return callbackId;
}

function stop(daemon: Daemon, ref: DomainRef, detail: number): Promise<void> {
  return end(daemon, ref, domain => daemon.model.libvirt.stop(domain, detail));
}

function setPaused(daemon: Daemon, ref: DomainRef, paused: boolean): Promise<void> {
  return end(daemon, ref, domain => daemon.model.libvirt.setPaused(domain, paused));
}
