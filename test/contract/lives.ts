import assert from 'node:assert/strict';
import type { Guest } from '../../src/plan/step.ts';
import {
  type ContractCase,
  type ContractWorld,
  deviceNow,
  domainNow,
  type GuestSpec,
  give,
  guestNow,
  look,
  take,
  takeBack,
  until,
  untilHeld,
} from './world.ts';

/** Stores a device in a domain's definition, as the controller does. */
async function configure(world: ContractWorld, name: string, add: readonly ContractWorld['first'][]): Promise<void> {
  const { uuid } = await domainNow(world, name);
  const entries = add.map(device => ({ device, permissive: false }));
  await take(world, { verb: 'configure', domain: { name, uuid }, add: entries, remove: [], passthrough: true });
}

/** Starts red with the first device in its definition, and waits until its driver has it. */
async function startRed(world: ContractWorld, more: Pick<GuestSpec, 'onCrash'> = {}): Promise<void> {
  await take(world, { verb: 'bind', device: world.first });
  await world.define({ name: 'red', passthrough: true, devices: [world.first], ...more });
  await world.start('red');
  await untilHeld(world, world.first, 'red');
  await world.untilUp('red');
}

/** Waits until red runs as another instance. */
async function untilRestarted(world: ContractWorld, before: Guest): Promise<void> {
  await until(world, 'red has restarted', ({ domains }) => {
    const red = domains.find(({ name }) => name === 'red');
    return red?.state === 'running' && red.domid !== before.domid;
  });
}

/** Starts, ends and restarts of domains, and of libvirtd. */
export const LIVES: readonly ContractCase[] = [
  {
    name: 'configure stores devices and passthrough for the next start, and takes them out again',
    async run(world) {
      await world.define({ name: 'red', passthrough: false });
      await configure(world, 'red', [world.first]);
      const { stored, uuid } = await domainNow(world, 'red');
      assert.equal(stored?.passthrough, true);
      assert.deepEqual(
        stored?.hostdevs.map(({ address, managed }) => [address, managed]),
        [[world.first, false]],
      );
      assert.match(stored?.hostdevs[0]?.alias ?? '', /^ua-xenpci-/);
      assert.deepEqual((await deviceNow(world, world.first)).place, { at: 'host' });
      const domain = { name: 'red', uuid };
      await take(world, { verb: 'configure', domain, add: [], remove: [world.first], passthrough: true });
      assert.deepEqual((await domainNow(world, 'red')).stored, { hostdevs: [], passthrough: true });
    },
  },
  {
    name: 'what is not stored cannot be taken out of a stored definition',
    async run(world) {
      await world.define({ name: 'red', passthrough: true });
      await assert.rejects(world.virshDetach('red', world.first, 'config'), /not present in domain configuration/);
      await world.virshAttach('red', world.first, 'config');
      await assert.rejects(world.virshAttach('red', world.first, 'config'), /already/);
      await world.virshDetach('red', world.first, 'config');
      assert.deepEqual((await domainNow(world, 'red')).stored?.hostdevs, []);
    },
  },
  {
    name: 'a stored device is in the guest from its start, also when passthrough was not asked for',
    async run(world) {
      await take(world, { verb: 'bind', device: world.first });
      await world.define({ name: 'red', passthrough: false, devices: [world.first] });
      await world.start('red');
      await untilHeld(world, world.first, 'red');
      assert.equal((await domainNow(world, 'red')).passthrough, 'on');
      await world.untilUp('red');
      await give(world, world.second, 'red');
    },
  },
  {
    name: 'a domain with a stored device on its dom0 driver does not start',
    async run(world) {
      await world.define({ name: 'red', passthrough: true, devices: [world.first] });
      await assert.rejects(world.start('red'), /must be manually detached|failed to create new domain/);
      assert.equal((await domainNow(world, 'red')).domid, undefined);
    },
  },
  {
    name: 'a domain with a stored device that another one has does not start',
    async run(world) {
      await world.running('red');
      await give(world, world.first, 'red');
      await world.define({ name: 'blue', passthrough: true, devices: [world.first] });
      await assert.rejects(world.start('blue'), /in use by driver xenlight, domain red/);
      await untilHeld(world, world.first, 'red');
    },
  },
  {
    name: 'a PVH domain with a device can be defined, and does not start',
    async run(world) {
      await take(world, { verb: 'bind', device: world.first });
      await world.define({ name: 'red', type: 'pvh', passthrough: false, devices: [world.first] });
      assert.equal((await domainNow(world, 'red')).type, 'pvh');
      await assert.rejects(world.start('red'), /failed to create new domain/);
      assert.deepEqual((await deviceNow(world, world.first)).place, { at: 'assignable' });
    },
  },
  {
    name: 'after destroy the devices are assignable, and can be given away at once',
    async run(world) {
      await world.running('red');
      await world.running('blue');
      await give(world, world.first, 'red');
      await world.destroy('red');
      assert.deepEqual((await deviceNow(world, world.first)).place, { at: 'assignable' });
      assert.match((await world.xl('pci-assignable-list')).stdout, new RegExp(`${world.first}`));
      await give(world, world.first, 'blue');
    },
  },
  {
    name: 'the entry that a destroy right after the start leaves behind holds nothing',
    async run(world) {
      await take(world, { verb: 'bind', device: world.first });
      await world.define({ name: 'red', passthrough: true, devices: [world.first] });
      await world.start('red');
      await world.destroy('red');
      const device = await deviceNow(world, world.first);
      assert.deepEqual([device.place, device.divergence], [{ at: 'assignable' }, undefined]);
      await world.running('blue');
      await give(world, world.first, 'blue');
    },
  },
  {
    name: 'a rebooted guest has another number, its stored devices, and not the hot-attached ones',
    async run(world) {
      await startRed(world);
      await give(world, world.second, 'red');
      const before = await guestNow(world, 'red');
      await world.reboot('red');
      await untilRestarted(world, before);
      await untilHeld(world, world.first, 'red');
      assert.deepEqual((await deviceNow(world, world.second)).place, { at: 'assignable' });
    },
  },
  {
    name: 'a crashed guest that is kept shows as crashed and keeps its device until it is destroyed',
    async run(world) {
      await startRed(world, { onCrash: 'preserve' });
      const before = await guestNow(world, 'red');
      await world.crash('red');
      await until(world, 'red has crashed', ({ domains }) => domains.some(({ crashed }) => crashed === true));
      const { state, domid } = await domainNow(world, 'red');
      assert.deepEqual([state, domid], ['changing', before.domid]);
      await untilHeld(world, world.first, 'red');
      await world.destroy('red');
      const { domid: after, crashed } = await domainNow(world, 'red');
      assert.deepEqual([after, crashed], [undefined, undefined]);
      assert.deepEqual((await deviceNow(world, world.first)).place, { at: 'assignable' });
    },
  },
  {
    name: 'a crashed guest that restarts has another number and its stored device',
    async run(world) {
      await startRed(world, { onCrash: 'restart' });
      const before = await guestNow(world, 'red');
      await world.crash('red');
      await untilRestarted(world, before);
      await untilHeld(world, world.first, 'red');
    },
  },
  {
    name: 'an undefined guest keeps its device, and is gone when it ends',
    async run(world) {
      await world.running('red');
      await give(world, world.first, 'red');
      await world.undefine('red');
      const { persistent, stored } = await domainNow(world, 'red');
      assert.deepEqual([persistent, stored], [false, undefined]);
      await untilHeld(world, world.first, 'red');
      await world.destroy('red');
      assert.equal(
        (await look(world)).domains.find(({ name }) => name === 'red'),
        undefined,
      );
      assert.deepEqual((await deviceNow(world, world.first)).place, { at: 'assignable' });
    },
  },
  {
    name: 'restarting libvirtd loses nothing',
    async run(world) {
      await world.running('red');
      await give(world, world.first, 'red');
      const before = await guestNow(world, 'red');
      await world.restartLibvirtd();
      assert.deepEqual(await guestNow(world, 'red'), before);
      await untilHeld(world, world.first, 'red');
      assert.equal((await deviceNow(world, world.first)).divergence, undefined);
      await takeBack(world, world.first, 'red');
      assert.deepEqual((await deviceNow(world, world.first)).place, { at: 'assignable' });
    },
  },
  {
    name: 'a guest of xl is seen, and keeps its device when libvirt is asked for it',
    async run(world) {
      await world.createByXl('green');
      await world.running('red');
      const { toolstack, persistent } = await domainNow(world, 'green');
      assert.deepEqual([toolstack, persistent], ['xl', false]);
      await give(world, world.first, 'green', { via: 'xl' });
      assert.equal((await deviceNow(world, world.first)).divergence, undefined);
      await assert.rejects(world.virshAttach('red', world.first, 'live'), /failed to attach pci device/);
      await untilHeld(world, world.first, 'green');
      await takeBack(world, world.first, 'green', 'xl');
      assert.deepEqual((await deviceNow(world, world.first)).place, { at: 'assignable' });
    },
  },
  {
    name: 'a step that names an instance which has gone is refused',
    async run(world) {
      await world.running('red');
      await take(world, { verb: 'bind', device: world.first });
      const guest = await guestNow(world, 'red');
      await world.destroy('red');
      const step = { verb: 'attach', device: world.first, guest, via: 'libvirt', permissive: false } as const;
      await assert.rejects(take(world, step), { code: 'PreconditionFailed' });
      assert.equal((await look(world)).domains.find(({ name }) => name === 'red')?.domid, undefined);
    },
  },
];
