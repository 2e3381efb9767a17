import assert from 'node:assert/strict';
import type { Address } from '../../src/api/address.ts';
import type { Host } from '../../src/controller/ports.ts';
import type { Observed, ObservedDevice, ObservedDomain } from '../../src/plan/observed.ts';
import type { Guest, Step, Toolstack } from '../../src/plan/step.ts';

/** How a program ended. */
export interface Ended {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A guest that a case wants. */
export interface GuestSpec {
  readonly name: string;
  /** `<passthrough state='on'/>`. */
  readonly passthrough: boolean;
  /** Hostdevs of the stored definition, with managed='no'. */
  readonly devices?: readonly Address[];
  readonly type?: 'pv' | 'pvh';
  /** What becomes of it when its kernel crashes; default destroy. */
  readonly onCrash?: 'destroy' | 'preserve' | 'restart';
}

/** A dom0 to play with, simulated or real, and what others do to it behind our back. */
export interface ContractWorld {
  readonly host: Host;
  /** Two devices that dom0 can do without, each behind a root port of its own and on its own driver. */
  readonly first: Address;
  readonly second: Address;
  /** A device that cannot be reset in any way. */
  readonly bare: Address;
  /** The longest that anything may take to show, in ms. */
  readonly patienceMs: number;
  /** Stores a definition. The name is free in every case. */
  define(guest: GuestSpec): Promise<void>;
  undefine(name: string): Promise<void>;
  start(name: string): Promise<void>;
  /** Sees to it that a PV guest with passthrough and without devices runs. It may have served earlier cases, too. */
  running(name: string): Promise<void>;
  /** Waits until the guest's kernel answers and its drivers have taken its devices. */
  untilUp(name: string): Promise<void>;
  suspend(name: string): Promise<void>;
  resume(name: string): Promise<void>;
  /** The guest's driver lets go of the device, as it has to before the device is taken away. */
  letGo(name: string, device: Address): Promise<void>;
  /** The guest's kernel closes its PCI bus, as when its driver of that bus is taken from it. */
  closeBus(name: string): Promise<void>;
  destroy(name: string): Promise<void>;
  /** The guest's kernel crashes. */
  crash(name: string): Promise<void>;
  /** The guest restarts itself. */
  reboot(name: string): Promise<void>;
  /** Makes a running PV guest with passthrough that libvirt does not know. */
  createByXl(name: string): Promise<void>;
  xl(...argv: string[]): Promise<Ended>;
  /** As `virsh attach-device` and `detach-device`. Rejects with libvirt's words. */
  virshAttach(name: string, device: Address, affected: 'live' | 'config'): Promise<void>;
  virshDetach(name: string, device: Address, affected: 'live' | 'config'): Promise<void>;
  /** As `virsh nodedev-detach`. */
  nodedevDetach(device: Address): Promise<void>;
  restartLibvirtd(): Promise<void>;
  removeXenstoreNode(path: string): Promise<void>;
  /** What sysfs `driver_override` says; undefined when it says that there is none. */
  overrideOf(device: Address): Promise<string | undefined>;
  /** The driver that sysfs shows. */
  driverOf(device: Address): Promise<string | undefined>;
  /** Whether dom0 can use the device, which a bound driver does not prove. */
  worksInDom0(device: Address): Promise<boolean>;
}

/** One thing that must hold in every dom0. The world is fresh: no guests of ours, all devices on their drivers. */
export interface ContractCase {
  readonly name: string;
  run(world: ContractWorld): Promise<void>;
}

/** What the text of a `driver_override` says: the kernel writes `(null)` for none. */
export function overrideIn(text: string): string | undefined {
  return ['', '(null)'].includes(text.trim()) ? undefined : text.trim();
}

/** A look. */
export function look({ host, patienceMs }: ContractWorld): Promise<Observed> {
  return host.observe(AbortSignal.timeout(patienceMs));
}

/** Takes a step. */
export function take({ host, patienceMs }: ContractWorld, step: Step): Promise<void> {
  return host.perform(step, AbortSignal.timeout(patienceMs));
}

/** The device at the next look. */
export async function deviceNow(world: ContractWorld, address: Address): Promise<ObservedDevice> {
  const device = (await look(world)).devices.get(address);
  assert.ok(device, `${address} is not there`);
  return device;
}

/** The domain at the next look. */
export async function domainNow(world: ContractWorld, name: string): Promise<ObservedDomain> {
  const domain = (await look(world)).domains.find(candidate => candidate.name === name);
  assert.ok(domain, `${name} is not there`);
  return domain;
}

/** The running instance of a domain, as steps name it. */
export async function guestNow(world: ContractWorld, name: string): Promise<Guest> {
  const { uuid, domid } = await domainNow(world, name);
  assert.ok(domid, `${name} does not run`);
  return { name, uuid, domid };
}

/** Looks until something holds. */
export async function until(
  world: ContractWorld,
  what: string,
  holds: (observed: Observed) => boolean,
): Promise<Observed> {
  const deadline = Date.now() + world.patienceMs;
  for (;;) {
    const observed = await look(world);
    if (holds(observed)) return observed;
    assert.ok(Date.now() < deadline, `${what}: not within ${world.patienceMs} ms`);
    await nextHint(world);
  }
}

/** Not all that changes gives a hint: a look without one comes after a fifth of a second. */
function nextHint({ host }: ContractWorld): Promise<void> {
  return new Promise(resolve => {
    const done = (): void => {
      stop();
      clearTimeout(timer);
      resolve();
    };
    const stop = host.onHint(done);
    const timer = setTimeout(done, 200);
  });
}

/** Waits until a guest has a device and nothing is under way. */
export async function untilHeld(world: ContractWorld, address: Address, name: string): Promise<void> {
  await until(world, `${name} has ${address}`, ({ devices }) => {
    const device = devices.get(address);
    return device?.place.at === 'guest' && device.place.domain === name && device.settled;
  });
}

/** Binds a device and gives it to a running guest, as the controller does. */
export async function give(
  world: ContractWorld,
  address: Address,
  name: string,
  { via = 'libvirt', permissive = false }: { via?: Toolstack; permissive?: boolean } = {},
): Promise<void> {
  if ((await deviceNow(world, address)).place.at === 'host') await take(world, { verb: 'bind', device: address });
  await take(world, { verb: 'attach', device: address, guest: await guestNow(world, name), via, permissive });
  await untilHeld(world, address, name);
}

/** Takes a device from a guest that has let go of it. */
export async function takeBack(
  world: ContractWorld,
  address: Address,
  name: string,
  via: Toolstack = 'libvirt',
): Promise<void> {
  await world.letGo(name, address);
  await take(world, { verb: 'detach', device: address, guest: await guestNow(world, name), via });
}
