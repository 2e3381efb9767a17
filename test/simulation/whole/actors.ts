import type { Address } from '../../../src/api/address.ts';
import { assignableAdd, assignableRemove } from '../../../src/simulator/model/assignable.ts';
import { type Domain, type Instance, plainHostdev } from '../../../src/simulator/model/domain.ts';
import { nodedevDetach, plug, probeDriver, unbindDriver, unplug } from '../../../src/simulator/model/kernel.ts';
import { pciAdd, pciRemove } from '../../../src/simulator/model/libxl.ts';
import { CARDS } from '../../../src/simulator/model/world.ts';
import type { Random } from '../random.ts';
import { FILES, randomFiles, randomText, spoiled } from './manifests.ts';
import type { Act } from './tally.ts';
import { DEVICES, DOMAINS, UNNAMED, uuidOf, type World } from './world.ts';

/** Does one thing to the world, and says what. It may find that it cannot, as anybody may. */
interface Actor {
  readonly act: Act;
  readonly weight: number;
  readonly run: (world: World) => string;
}

const ALL = [...DEVICES, UNNAMED] as unknown as readonly [Address, ...Address[]];

/** Whoever edits the manifests, well or badly. */
const editors: readonly Actor[] = [
  files(13, ({ folder, chaos }, path) => {
    folder.write(path, randomText(path, chaos.random));
    return `write ${path}`;
  }),
  files(5, (world, path) => {
    const { folder, chaos } = world;
    // In pieces, as an editor that saves in place.
    const text = randomText(path, chaos.random);
    folder.write(path, spoiled(text, chaos.random));
    later(world, 20_000, () => folder.write(path, text));
    return `begin to write ${path}`;
  }),
  files(4, ({ folder, chaos }, path) => {
    folder.write(path, spoiled(randomText(path, chaos.random), chaos.random));
    return `spoil ${path}`;
  }),
  files(3, ({ folder }, path) => {
    folder.remove(path);
    return `remove ${path}`;
  }),
  files(2, ({ folder, chaos }) => {
    folder.replace(randomFiles(chaos.random));
    return 'replace the folder';
  }),
  files(2, world => {
    emptyForAWhile(world);
    return 'empty the folder for a while';
  }),
  files(2, world => {
    const { folder, chaos } = world;
    const state = chaos.random.chance(0.6) ? 'missing' : 'unreadable';
    folder.setState(state);
    later(world, 120_000, () => folder.setState('there'));
    return `the folder is ${state} for a while`;
  }),
];

function emptyForAWhile(world: World): void {
  const { folder } = world;
  const content = folder.files;
  folder.replace(new Map());
  later(world, 60_000, () => folder.replace(content));
}

function files(weight: number, run: (world: World, path: string) => string): Actor {
  return { act: 'files', weight, run: world => run(world, world.chaos.random.pick(FILES as [string, ...string[]])) };
}

/** Guests, and whoever starts and stops them. */
const guests: readonly Actor[] = [
  {
    act: 'guests',
    weight: 8,
    run: world => {
      const off = pickDomain(world, ({ instance }) => instance === undefined);
      if (off === undefined) return 'every guest runs';
      world.model.start(off.name);
      return `start ${off.name}`;
    },
  },
  guest(5, ({ model }, { name }) => {
    model.destroy(name);
    return `destroy ${name}`;
  }),
  guest(2, ({ model }, { name }) => {
    model.powerOff(name);
    return `power off ${name}`;
  }),
  guest(3, ({ model }, { name }) => {
    model.reboot(name);
    return `reboot ${name}`;
  }),
  guest(2, ({ model }, { name }) => {
    model.crash(name);
    return `crash ${name}`;
  }),
  guest(5, ({ model, chaos }, { name, toolstack }, instance) => {
    const paused = !instance.paused;
    if (toolstack === 'libvirt' && chaos.random.chance(0.7)) model.setPaused(name, paused);
    else {
      // Through xl, of which libvirt does not hear.
      instance.paused = paused;
      model.dom0.instancesChanged();
    }
    return `${paused ? 'pause' : 'resume'} ${name}`;
  }),
  guest(3, ({ model }, { name }, instance) => {
    model.setRefusing(name, !instance.refuses);
    return `${name} ${instance.refuses ? 'refuses' : 'lets go again'}`;
  }),
  guest(1, ({ model }, { name, type }) => {
    if (type !== 'pv') return `${name} has no bus to close`;
    model.closeBus(name);
    return `${name} closes its bus`;
  }),
];

function guest(weight: number, run: (world: World, domain: Domain, instance: Instance) => string): Actor {
  return {
    act: 'guests',
    weight,
    run: world => {
      const domain = pickDomain(world, ({ instance }) => instance !== undefined);
      return domain?.instance === undefined ? 'no guest runs' : run(world, domain, domain.instance);
    },
  };
}

/** Administrators who use xl and virsh behind the daemon's back. */
const users: readonly Actor[] = [
  user(2, ({ model }, address) => {
    assignableAdd(model.dom0, address);
    return `xl pci-assignable-add ${address}`;
  }),
  user(2, ({ model, chaos }, address) => {
    assignableRemove(model.dom0, address, chaos.random.chance(0.7));
    return `xl pci-assignable-remove ${address}`;
  }),
  user(4, (world, address) => {
    const domain = pickDomain(world, ({ instance }) => instance !== undefined);
    if (domain !== undefined) pciAdd(world.model.dom0, domain, address, world.chaos.random.chance(0.2));
    return `xl pci-attach ${domain?.name} ${address}`;
  }),
  user(3, ({ model, chaos }, address) => {
    const domid = model.dom0.devices.get(address)?.holder;
    const holder = domid === undefined ? undefined : model.dom0.byDomid(domid);
    if (holder !== undefined) pciRemove(model.dom0, holder, address, chaos.random.chance(0.2));
    return `xl pci-detach ${holder?.name} ${address}`;
  }),
  user(2, (world, address) => {
    const domain = pickDomain(world, ({ toolstack, instance }) => toolstack === 'libvirt' && instance !== undefined);
    if (domain === undefined) return 'libvirt has no guest';
    const stored = domain.stored !== undefined && world.chaos.random.chance(0.3);
    world.model.libvirt.attach(domain, plainHostdev(address), { live: true, stored });
    return `virsh attach-device ${domain.name} ${address}`;
  }),
  user(2, (world, address) => {
    const domain = pickDomain(world, ({ toolstack, instance }) => toolstack === 'libvirt' && instance !== undefined);
    if (domain === undefined) return 'libvirt has no guest';
    world.model.libvirt.detach(domain, plainHostdev(address), { live: true, stored: false });
    return `virsh detach-device ${domain.name} ${address}`;
  }),
  user(2, (world, address) => {
    const domain = pickDomain(world, ({ stored }) => stored !== undefined);
    if (domain?.stored === undefined) return 'nothing is stored';
    const { hostdevs } = domain.stored;
    const others = hostdevs.filter(hostdev => hostdev.address !== address);
    const has = others.length < hostdevs.length;
    world.model.libvirt.define(domain, {
      ...domain.stored,
      hostdevs: has ? others : [...others, plainHostdev(address)],
    });
    return `virsh edit ${domain.name}: ${has ? 'without' : 'with'} ${address}`;
  }),
  user(2, ({ model: { dom0 }, chaos }, address) => {
    const device = dom0.present(address);
    if (device === undefined || device.holder !== undefined) return 'nothing to unbind';
    if (chaos.random.chance(0.5)) nodedevDetach(dom0, device);
    else if (device.driver !== undefined) unbindDriver(dom0, device);
    else probeDriver(dom0, device);
    return `sysfs: ${address} is with ${device.driver ?? 'no driver'}`;
  }),
];

function user(weight: number, run: (world: World, address: Address) => string): Actor {
  return { act: 'users', weight, run: world => run(world, world.chaos.random.pick(ALL)) };
}

/** Cards that are pulled and put in, and what dom0 does with them. */
const hardware: readonly Actor[] = [
  {
    act: 'hardware',
    weight: 7,
    run: world => {
      const { model, chaos } = world;
      const address = chaos.random.pick(ALL);
      if (model.dom0.present(address) === undefined) return plugIn(world, address);
      for (const fn of functionsOf(address)) unplug(model.dom0, fn);
      if (chaos.random.chance(0.6)) later(world, 90_000, () => plugIn(world, address));
      return `pull ${address}`;
    },
  },
  {
    act: 'hardware',
    weight: 2,
    run: world => {
      const { model, chaos } = world;
      const address = chaos.random.pick(ALL);
      if (model.dom0.present(address) === undefined) return `nothing is at ${address}`;
      for (const fn of functionsOf(address)) unplug(model.dom0, fn);
      plugInLater(world, address);
      return `pull ${address} to put it in again and make it assignable`;
    },
  },
  {
    act: 'hardware',
    weight: 4,
    run: ({ model, chaos }) => {
      const address = chaos.random.pick(ALL);
      const device = model.dom0.present(address);
      if (device === undefined) return `nothing is at ${address}`;
      device.use = device.use.mountedAt === undefined ? { disk: 'nvme0n1', mountedAt: '/mnt' } : {};
      return `${device.use.mountedAt === undefined ? 'unmount' : 'mount'} ${address}`;
    },
  },
];

/** A card goes and comes as a whole. */
function functionsOf(address: Address): Address[] {
  return ALL.filter(other => other.slice(0, -1) === address.slice(0, -1));
}

function plugIn({ model, chaos }: World, address: Address): string {
  const isNvme = model.dom0.devices.get(address)?.spec.identity.vendor === CARDS.nvme.vendor;
  const other = isNvme
    ? { identity: CARDS.e1000e, homeDriver: 'e1000e' }
    : { identity: CARDS.nvme, homeDriver: 'nvme' };
  const isAnother = chaos.random.chance(0.35);
  for (const fn of functionsOf(address)) plug(model.dom0, fn, isAnother ? other : {});
  return `plug ${isAnother ? 'another card' : 'the card'} in at ${address}`;
}

/** Whoever has put a card in may know that it is for a guest, and forget that the guest has to be restarted for it. */
function plugInLater(world: World, address: Address): void {
  later(world, 60_000, () => {
    plugIn(world, address);
    const add = (): void => void assignableAdd(world.model.dom0, address);
    if (world.chaos.random.chance(0.5)) add();
    else later(world, 90_000, add);
  });
}

/** What persons tell the daemon through its state folder. */
const persons: readonly Actor[] = [
  {
    act: 'operator',
    weight: 4,
    run: world => {
      const { chaos, time } = world;
      const path = chaos.random.pick(FILES as [string, ...string[]]);
      const good = randomText(path, chaos.random);
      const text = chaos.random.chance(0.1) ? spoiled(good, chaos.random) : good;
      const forMs = before(chaos.random, 120_000);
      const trial = { path, text, until: time.elapsed + forMs };
      world.trial = trial;
      world.stateChanged();
      time.after(forMs + 20, () => world.stateChanged());
      // The two seldom meet by chance, and a trial must not make up for what is suddenly gone.
      if (chaos.random.chance(0.3)) later(world, forMs, () => emptyForAWhile(world));
      if (chaos.random.chance(0.3)) {
        // xenpci try --confirm
        later(world, forMs, () => {
          if (world.trial === trial) world.folder.write(path, text);
        });
      }
      return `xenpci try ${path}`;
    },
  },
  {
    act: 'operator',
    weight: 4,
    run: world => {
      const { random } = world.chaos;
      const names = new Set(world.suspended === 'all' ? [] : world.suspended);
      const name = random.pick(DOMAINS);
      const isUnusable = random.chance(0.15);
      if (!names.delete(name)) names.add(name);
      world.suspended = isUnusable ? 'all' : names;
      world.stateChanged();
      if (isUnusable || random.chance(0.7)) {
        later(world, 60_000, () => {
          world.suspended = new Set();
          world.stateChanged();
        });
      }
      return isUnusable ? 'what is suspended is not readable' : `suspended: ${[...names].join(', ')}`;
    },
  },
];

/** Definitions that go and come back, and domains that xl makes. */
const definitions: readonly Actor[] = [
  {
    act: 'guests',
    weight: 2,
    run: world => {
      const domain = pickDomain(world, ({ toolstack, stored }) => toolstack === 'libvirt' && stored !== undefined);
      if (domain?.stored === undefined) return 'nothing is defined';
      const { name, uuid, type, stored } = domain;
      world.model.libvirt.undefine(domain);
      if (world.chaos.random.chance(0.7)) {
        later(world, 60_000, () => {
          if (!isNameTaken(world, name)) world.model.libvirt.define({ name, uuid, type }, stored);
        });
      }
      return `virsh undefine ${name}`;
    },
  },
  {
    act: 'guests',
    weight: 2,
    run: world => {
      const index = Math.floor(world.chaos.random.next() * DOMAINS.length);
      const name = DOMAINS[index] ?? DOMAINS[0];
      if (isNameTaken(world, name)) return `${name} is there already`;
      const { ok } = world.model.createByXl({ name, uuid: uuidOf(index), passthrough: true });
      return `xl create ${name}${ok ? '' : ': refused'}`;
    },
  },
];

function isNameTaken({ model }: World, name: string): boolean {
  return [...model.dom0.domains.values()].some(domain => domain.name === name);
}

const services: readonly Actor[] = [
  {
    act: 'libvirtd',
    weight: 3,
    run: ({ model }) => {
      model.libvirt.restart();
      return 'restart libvirtd';
    },
  },
  {
    act: 'disk',
    weight: 3,
    run: world => {
      const { disk, chaos } = world;
      const what = chaos.random.chance(0.3) ? 'isBroken' : 'isFull';
      disk[what] = true;
      later(world, 90_000, () => {
        disk[what] = false;
      });
      return `the disk ${what} for a while`;
    },
  },
];

/** Everybody but the daemon and those who run it. */
const ACTORS: readonly Actor[] = [
  ...editors,
  ...guests,
  ...users,
  ...hardware,
  ...persons,
  ...definitions,
  ...services,
];
const WEIGHT = ACTORS.reduce((sum, { weight }) => sum + weight, 0);

/** Somebody does something, or finds that a toolstack refuses it. @returns what, in words. */
export function actSomehow(world: World): string {
  let left = world.chaos.random.next() * WEIGHT;
  const actor = ACTORS.find(({ weight }) => {
    left -= weight;
    return left < 0;
  });
  if (actor === undefined) return 'nobody does anything';
  world.tally.acts[actor.act] += 1;
  try {
    return actor.run(world);
  } catch (error) {
    return `${actor.act}: refused: ${error instanceof Error ? error.message : error}`;
  }
}

/** Within so many ms somebody does the rest of it, unless everybody is to leave the world alone by then. */
function later(world: World, ms: number, rest: () => void): void {
  world.time.after(before(world.chaos.random, ms), () => {
    if (!world.isCalm) rest();
  });
}

/** A time within so many ms, at least one. */
function before(random: Random, ms: number): number {
  return 1 + Math.floor(random.next() * ms);
}

function pickDomain({ model, chaos }: World, fits: (domain: Domain) => boolean): Domain | undefined {
  const [first, ...more] = [...model.dom0.domains.values()].filter(fits);
  return first === undefined ? undefined : chaos.random.pick([first, ...more]);
}
