import type { Address } from '../api/address.ts';
import { ALIAS_PREFIX } from './domains.ts';
import type { HostdevEntry, Observed, ObservedDevice, ObservedDomain } from './observed.ts';
import { type ConfigureStep, type DeviceStep, effect, type Step } from './step.ts';

/**
 * What a step does to the whole host, if it takes hold: the model by which plans are followed without a host.
 * @returns the host afterwards, or undefined when the step is illegal from where its device is.
 */
export function hostAfter(host: Observed, step: Step): Observed | undefined {
  if (step.verb === 'configure') return { ...host, domains: host.domains.map(domain => configured(domain, step)) };
  const before = host.devices.get(step.device);
  const place = before && effect(step, before.place);
  if (before === undefined || place === undefined) return undefined;
  const { driver: _, permissive: __, unfiltered: ___, homeDriver: ____, ...rest } = before;
  const after = { ...rest, place, uses: [], ...driversAfter(step, before), ...optionsAfter(step, before) };
  return {
    ...host,
    devices: new Map(host.devices).set(step.device, after),
    domains: host.domains.map(domain => believing(domain, step)),
  };
}

/** xl notes the driver that it takes a device from, and gives it back to that one. */
function driversAfter(step: DeviceStep, { driver, homeDriver }: ObservedDevice): Partial<ObservedDevice> {
  const home = step.verb === 'bind' ? driver : homeDriver;
  if (step.verb !== 'release') return { driver: 'pciback', ...(home === undefined ? {} : { homeDriver: home }) };
  return step.driver === undefined ? {} : { driver: step.driver };
}

/** pciback forgets `permissive` only when it loses the device, which attaching without it sees to. */
function optionsAfter(step: DeviceStep, before: ObservedDevice): Partial<ObservedDevice> {
  if (step.verb === 'attach') return step.permissive ? { permissive: true, unfiltered: true } : { permissive: false };
  return step.verb === 'detach' && before.unfiltered === true ? { unfiltered: true } : {};
}

function configured(domain: ObservedDomain, step: ConfigureStep): ObservedDomain {
  if (domain.uuid !== step.domain.uuid || domain.stored === undefined) return domain;
  const kept = domain.stored.hostdevs.filter(({ address }) => !step.remove.includes(address));
  const hostdevs = [...kept, ...step.add.map(({ device, permissive }) => ownEntry(device, permissive))];
  return { ...domain, stored: { hostdevs, passthrough: domain.stored.passthrough || step.passthrough } };
}

/** libvirt knows of what it does itself. */
function believing(domain: ObservedDomain, step: DeviceStep): ObservedDomain {
  if (!('guest' in step) || step.via !== 'libvirt' || domain.uuid !== step.guest.uuid) return domain;
  const others = domain.live.filter(({ address }) => address !== step.device);
  return { ...domain, live: step.verb === 'attach' ? [...others, ownEntry(step.device, step.permissive)] : others };
}

function ownEntry(address: Address, permissive: boolean): HostdevEntry {
  return { address, alias: `${ALIAS_PREFIX}${address.replaceAll(/[:.]/g, '-')}`, managed: false, permissive };
}
