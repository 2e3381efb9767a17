import assert from 'node:assert/strict';
import { type ContractCase, deviceNow, domainNow, give, guestNow, take, takeBack, until, untilHeld } from './world.ts';

/** Between assignable and a running guest. */
export const ATTACHING: readonly ContractCase[] = [
  {
    name: 'attach gives a device to a running guest, and libvirt knows it by our alias',
    async run(world) {
      await world.running('red');
      await give(world, world.first, 'red');
      const { domid } = await guestNow(world, 'red');
      const device = await deviceNow(world, world.first);
      assert.deepEqual(device.place, { at: 'guest', domid, domain: 'red' });
      assert.equal(device.permissive, false);
      assert.equal(device.divergence, undefined);
      const { live, passthrough, stored } = await domainNow(world, 'red');
      assert.deepEqual(
        live.map(({ address }) => address),
        [world.first],
      );
      assert.match(live[0]?.alias ?? '', /^ua-xenpci-/);
      assert.equal(passthrough, 'on');
      assert.deepEqual(stored?.hostdevs, []);
    },
  },
  {
    // libvirt's word depends on whether it has found the device on pciback since it started (9.0).
    name: 'attach of a device on its dom0 driver is refused, by us and by libvirt',
    async run(world) {
      await world.running('red');
      await world.restartLibvirtd();
      const guest = await guestNow(world, 'red');
      const step = { verb: 'attach', device: world.first, guest, via: 'libvirt', permissive: false } as const;
      await assert.rejects(take(world, step), { code: 'PreconditionFailed' });
      await assert.rejects(world.virshAttach('red', world.first, 'live'), /must be manually detached from the host/);
      await give(world, world.first, 'red');
      await takeBack(world, world.first, 'red');
      await take(world, { verb: 'release', device: world.first });
      await assert.rejects(world.virshAttach('red', world.first, 'live'), /failed to attach pci device/);
      assert.deepEqual((await deviceNow(world, world.first)).place, { at: 'host' });
    },
  },
  {
    name: 'attach to a guest that was created without passthrough fails and changes nothing',
    async run(world) {
      await world.define({ name: 'red', passthrough: false });
      await world.start('red');
      assert.equal((await domainNow(world, 'red')).passthrough, 'off');
      await take(world, { verb: 'bind', device: world.first });
      const guest = await guestNow(world, 'red');
      const step = { verb: 'attach', device: world.first, guest, via: 'libvirt', permissive: false } as const;
      await assert.rejects(take(world, step), { code: 'StepFailed', message: /failed to attach pci device/ });
      const device = await deviceNow(world, world.first);
      assert.deepEqual([device.place, device.divergence], [{ at: 'assignable' }, undefined]);
    },
  },
  {
    name: 'attach of what a guest has already is refused, and libvirt says whose it is',
    async run(world) {
      await world.running('red');
      await world.running('blue');
      await give(world, world.first, 'red');
      const guest = await guestNow(world, 'blue');
      const step = { verb: 'attach', device: world.first, guest, via: 'libvirt', permissive: false } as const;
      await assert.rejects(take(world, step), { code: 'PreconditionFailed' });
      await assert.rejects(world.virshAttach('red', world.first, 'live'), /already exists/);
      await assert.rejects(world.virshAttach('blue', world.first, 'live'), /in use by driver xenlight, domain red/);
      await untilHeld(world, world.first, 'red');
    },
  },
  {
    name: 'attach of a device without any reset: libvirt refuses, xl does it',
    async run(world) {
      await world.running('red');
      await take(world, { verb: 'bind', device: world.bare });
      assert.deepEqual((await deviceNow(world, world.bare)).resetMethods, []);
      await assert.rejects(world.virshAttach('red', world.bare, 'live'), /no FLR, PM reset or bus reset available/);
      await give(world, world.bare, 'red', { via: 'xl' });
      await takeBack(world, world.bare, 'red', 'xl');
      assert.deepEqual((await deviceNow(world, world.bare)).place, { at: 'assignable' });
    },
  },
  {
    name: 'a bus that its guest has closed shows, and nothing is given or taken there',
    async run(world) {
      await world.running('red');
      await give(world, world.first, 'red');
      await world.untilUp('red');
      await world.closeBus('red');
      await until(world, 'the bus is closed', ({ devices }) => devices.get(world.first)?.busClosed === true);
      const guest = await guestNow(world, 'red');
      await take(world, { verb: 'bind', device: world.second });
      const attach = { verb: 'attach', device: world.second, guest, via: 'libvirt', permissive: false } as const;
      await assert.rejects(take(world, attach), { code: 'PreconditionFailed', message: /PCI bus of red is closed/ });
      const detach = { verb: 'detach', device: world.first, guest, via: 'libvirt' } as const;
      await assert.rejects(take(world, detach), { code: 'PreconditionFailed', message: /PCI bus of red is closed/ });
      assert.deepEqual((await deviceNow(world, world.second)).place, { at: 'assignable' });
      assert.deepEqual((await deviceNow(world, world.first)).place.at, 'guest');
      await world.destroy('red');
      await until(world, 'red lets go', ({ devices }) => devices.get(world.first)?.place.at === 'assignable');
    },
  },
  {
    name: 'a permissive attach shows, and the next guest does not inherit it',
    async run(world) {
      await world.running('red');
      await give(world, world.first, 'red', { permissive: true });
      assert.equal((await deviceNow(world, world.first)).permissive, true);
      assert.equal((await deviceNow(world, world.first)).unfiltered, true);
      await takeBack(world, world.first, 'red');
      assert.equal((await deviceNow(world, world.first)).unfiltered, true, 'it outlives the guest');
      await give(world, world.first, 'red');
      assert.equal((await deviceNow(world, world.first)).permissive, false);
      assert.equal((await deviceNow(world, world.first)).unfiltered, undefined);
    },
  },
  {
    name: 'a rebind ends permissive, and keeps the device assignable and its driver known',
    async run(world) {
      await world.running('red');
      const driver = await world.driverOf(world.first);
      await give(world, world.first, 'red', { permissive: true });
      await takeBack(world, world.first, 'red');
      await take(world, { verb: 'rebind', device: world.first });
      const device = await deviceNow(world, world.first);
      assert.deepEqual([device.place, device.unfiltered, device.homeDriver], [{ at: 'assignable' }, undefined, driver]);
      assert.match((await world.xl('pci-assignable-list')).stdout, new RegExp(`${world.first}`));
    },
  },
  {
    name: 'detach makes a device assignable; of two, the other keeps its place',
    async run(world) {
      await world.running('red');
      await give(world, world.first, 'red');
      await give(world, world.second, 'red');
      await takeBack(world, world.first, 'red');
      assert.deepEqual((await deviceNow(world, world.first)).place, { at: 'assignable' });
      await untilHeld(world, world.second, 'red');
      assert.deepEqual(
        (await domainNow(world, 'red')).live.map(({ address }) => address),
        [world.second],
      );
      await takeBack(world, world.second, 'red');
      assert.deepEqual((await deviceNow(world, world.second)).place, { at: 'assignable' });
    },
  },
  {
    name: 'detach of what a guest does not have is refused, by us and by libvirt',
    async run(world) {
      await world.running('red');
      const guest = await guestNow(world, 'red');
      const step = { verb: 'detach', device: world.first, guest, via: 'libvirt' } as const;
      await assert.rejects(take(world, step), { code: 'PreconditionFailed' });
      await assert.rejects(world.virshDetach('red', world.first, 'live'), /host pci device .* not found/);
    },
  },
  {
    name: "after xl's detach libvirt goes on believing, and xl can give the device away",
    async run(world) {
      await world.running('red');
      await world.running('blue');
      await give(world, world.first, 'red');
      await world.letGo('red', world.first);
      assert.equal((await world.xl('pci-detach', 'red', world.first)).status, 0);
      const device = await deviceNow(world, world.first);
      assert.deepEqual(device.place, { at: 'assignable' });
      assert.match(device.divergence ?? '', /red/);
      await assert.rejects(world.virshAttach('blue', world.first, 'live'), /in use by driver xenlight, domain red/);
      await give(world, world.first, 'blue', { via: 'xl' });
    },
  },
  {
    // The failed detach frees what the definition goes on pointing to, so 11.3 also said that red has the device already.
    name: "after xl's detach libvirt's own fails, drops its entry, blocks the device, and after a restart has the entry again",
    async run(world) {
      await world.running('red');
      await give(world, world.first, 'red');
      await world.letGo('red', world.first);
      await world.xl('pci-detach', 'red', world.first);
      await assert.rejects(world.virshDetach('red', world.first, 'live'), /failed to detach pci device/);
      assert.deepEqual((await domainNow(world, 'red')).live, []);
      await assert.rejects(world.virshAttach('red', world.first, 'live'), /in use by driver xenlight|already exists/);
      await world.restartLibvirtd();
      const { live } = await domainNow(world, 'red');
      assert.deepEqual(
        live.map(({ address }) => address),
        [world.first],
      );
      // libvirt says that red has it already; xl makes that true.
      await give(world, world.first, 'red');
      assert.equal((await deviceNow(world, world.first)).divergence, undefined);
      await takeBack(world, world.first, 'red');
    },
  },
  {
    name: "xl's attach shows as the guest's, with both views, and gives a hint",
    async run(world) {
      await world.running('red');
      await take(world, { verb: 'bind', device: world.first });
      await until(world, 'a first look', () => true);
      const hint = new Promise<string>(resolve => world.host.onHint(resolve));
      assert.equal((await world.xl('pci-attach', 'red', world.first)).status, 0);
      assert.ok(await hint);
      await untilHeld(world, world.first, 'red');
      assert.match((await deviceNow(world, world.first)).divergence ?? '', /no guest/);
      await takeBack(world, world.first, 'red', 'xl');
      assert.equal((await deviceNow(world, world.first)).divergence, undefined);
    },
  },
  {
    name: 'a device that libvirt alone counts as in use, after a detach that failed, is given through xl',
    async run(world) {
      await world.running('red');
      await world.running('blue');
      await give(world, world.first, 'red');
      await world.letGo('red', world.first);
      await world.xl('pci-detach', 'red', world.first);
      await assert.rejects(world.virshDetach('red', world.first, 'live'), /failed to detach pci device/);
      await give(world, world.first, 'blue');
      assert.match((await deviceNow(world, world.first)).divergence ?? '', /libvirt shows it in no guest/);
      await takeBack(world, world.first, 'blue', 'xl');
      assert.deepEqual((await deviceNow(world, world.first)).place, { at: 'assignable' });
    },
  },
  {
    name: 'attach to a PVH domain fails and changes nothing',
    async run(world) {
      await take(world, { verb: 'bind', device: world.first });
      await world.define({ name: 'red', type: 'pvh', passthrough: false });
      await world.start('red');
      assert.equal((await domainNow(world, 'red')).type, 'pvh');
      const guest = await guestNow(world, 'red');
      const step = { verb: 'attach', device: world.first, guest, via: 'libvirt', permissive: false } as const;
      await assert.rejects(take(world, step), { code: 'StepFailed', message: /failed to attach pci device/ });
      assert.deepEqual((await deviceNow(world, world.first)).place, { at: 'assignable' });
    },
  },
];
