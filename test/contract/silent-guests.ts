import assert from 'node:assert/strict';
import type { Observed } from '../../src/plan/observed.ts';
import {
  type ContractCase,
  type ContractWorld,
  deviceNow,
  domainNow,
  give,
  guestNow,
  look,
  take,
  takeBack,
  until,
  untilHeld,
} from './world.ts';

/** Red uses the first device, and then its processors are stopped. */
async function suspendedWithFirst(world: ContractWorld): Promise<void> {
  await world.running('red');
  await give(world, world.first, 'red');
  await world.untilUp('red');
  await world.suspend('red');
}

/** Guests that are paused or asleep, and do not do their part of an attach or a detach. */
export const SILENT_GUESTS: readonly ContractCase[] = [
  {
    // pciback has published the device by itself (state 3), so nothing of the attach is under way in dom0.
    name: 'a paused guest takes a device when it runs on, and until then nothing is detached from it',
    async run(world) {
      await world.running('red');
      await world.suspend('red');
      assert.equal((await domainNow(world, 'red')).state, 'paused');
      await take(world, { verb: 'bind', device: world.first });
      const guest = await guestNow(world, 'red');
      await take(world, { verb: 'attach', device: world.first, guest, via: 'libvirt', permissive: false });
      await untilHeld(world, world.first, 'red');
      const detach = { verb: 'detach', device: world.first, guest, via: 'libvirt' } as const;
      await assert.rejects(take(world, detach), { code: 'DeadlineExceeded' });
      assert.equal((await domainNow(world, 'red')).live.length, 1);
      await world.resume('red');
      await takeBack(world, world.first, 'red');
      assert.deepEqual((await deviceNow(world, world.first)).place, { at: 'assignable' });
    },
  },
  {
    // libvirt goes on calling it running, and xenstore shows nothing.
    name: 'a guest that xl has paused keeps its device until it runs on',
    async run(world) {
      await world.running('red');
      await give(world, world.first, 'red');
      await world.untilUp('red');
      assert.equal((await world.xl('pause', 'red')).status, 0);
      assert.equal((await domainNow(world, 'red')).state, 'running');
      const guest = await guestNow(world, 'red');
      const detach = { verb: 'detach', device: world.first, guest, via: 'libvirt' } as const;
      await assert.rejects(take(world, detach), { code: 'PreconditionFailed', message: /red is paused/ });
      assert.equal((await deviceNow(world, world.first)).place.at, 'guest');
      assert.equal((await world.xl('unpause', 'red')).status, 0);
      await takeBack(world, world.first, 'red');
      assert.deepEqual((await deviceNow(world, world.first)).place, { at: 'assignable' });
    },
  },
  {
    // Seen on Xen 4.17: after 10 s libxl ceases to wait, libvirt and xl report success, and the entry stays in xenstore.
    // A guest that has not even begun to use the device never lets go of it (Linux 6.1).
    name: 'a detach from a guest that does not answer leaves the device with it until it has let go',
    async run(world) {
      await world.running('blue');
      await suspendedWithFirst(world);
      const guest = await guestNow(world, 'red');
      await world.virshDetach('red', world.first, 'live');
      const device = await deviceNow(world, world.first);
      assert.deepEqual([device.place.at, device.settled], ['guest', false]);
      assert.deepEqual((await domainNow(world, 'red')).live, []);
      assert.match((await world.xl('pci-assignable-list')).stdout, new RegExp(`${world.first}`));
      const step = { verb: 'attach', device: world.first, via: 'libvirt', permissive: false } as const;
      await assert.rejects(take(world, { ...step, guest: await guestNow(world, 'blue') }), {
        code: 'PreconditionFailed',
      });
      await world.resume('red');
      await until(world, 'red has let go', ({ devices }) => devices.get(world.first)?.place.at === 'assignable');
      // Its entry is still there, and the next change of red's PCI devices would never end.
      await assert.rejects(take(world, { ...step, guest }), { code: 'PreconditionFailed', message: /until .*restart/ });
      await give(world, world.first, 'blue');
    },
  },
  {
    // Seen on Xen 4.17: libxl takes a device from a PV guest first and then waits for it, with and without force.
    name: 'a forced detach from a PV guest that does not answer does no more than another',
    async run(world) {
      await suspendedWithFirst(world);
      assert.equal((await world.xl('pci-detach', '-f', 'red', world.first)).status, 0);
      const device = await deviceNow(world, world.first);
      assert.deepEqual([device.place.at, device.settled], ['guest', false]);
      await world.destroy('red');
      assert.deepEqual((await deviceNow(world, world.first)).place, { at: 'assignable' });
    },
  },
  {
    // Seen on Xen 4.17: libxl takes the device in the hypervisor's books, and then waits for the bus to connect before it asks the guest.
    name: 'what xl takes from a paused guest that has not begun with it shows as its, and does so until that guest ends',
    async run(world) {
      await world.running('red');
      await world.suspend('red');
      await take(world, { verb: 'bind', device: world.first });
      const guest = await guestNow(world, 'red');
      await take(world, { verb: 'attach', device: world.first, guest, via: 'libvirt', permissive: false });
      assert.equal((await world.xl('pci-detach', 'red', world.first)).status, 0);
      assert.equal((await deviceNow(world, world.first)).place.at, 'guest');
      await world.resume('red');
      await untilHeld(world, world.first, 'red');
      // libxl calls it a success to find nothing that it could take, or to wait in vain for the guest (both were seen).
      await take(world, { verb: 'detach', device: world.first, guest, via: 'xl' });
      assert.equal((await deviceNow(world, world.first)).place.at, 'guest');
      await world.destroy('red');
      assert.deepEqual((await deviceNow(world, world.first)).place, { at: 'assignable' });
    },
  },
  {
    // Seen on Xen 4.17: red's entry stays, closing, and pciback, which has the device in it, closes blue's bus in silence.
    name: 'what xl takes from a guest that does not answer and gives to another one is with the other one, on a closed bus',
    async run(world) {
      await world.running('blue');
      await suspendedWithFirst(world);
      assert.equal((await world.xl('pci-detach', 'red', world.first)).status, 0);
      assert.equal((await world.xl('pci-attach', 'blue', world.first)).status, 0);
      const isWithBlue = ({ devices }: Observed): boolean => {
        const { place, busClosed } = devices.get(world.first) ?? {};
        return place?.at === 'guest' && place.domain === 'blue' && busClosed === true;
      };
      await until(world, 'it is with blue', isWithBlue);
      // An attach that fails takes the mark away that says so, and is not the last word.
      assert.notEqual((await world.xl('pci-attach', 'red', world.first)).status, 0);
      const both = await look(world);
      assert.ok(isWithBlue(both), 'it is still with blue');
      const { settled, divergence } = both.devices.get(world.first) ?? {};
      assert.equal(settled, false);
      assert.match(divergence ?? '', /blue and red; a device can only be in one/);
      await world.resume('red');
      await until(
        world,
        'red has let go',
        ({ devices }) => devices.get(world.first)?.divergence?.includes('blue and red') === false,
      );
      assert.ok(isWithBlue(await look(world)), 'it is with blue alone');
      await world.destroy('blue');
      assert.deepEqual((await deviceNow(world, world.first)).place, { at: 'assignable' });
    },
  },
];
