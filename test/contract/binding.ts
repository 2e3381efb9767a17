import assert from 'node:assert/strict';
import { parseAddress } from '../../src/api/address.ts';
import { type ContractCase, deviceNow, give, guestNow, take, takeBack, untilHeld } from './world.ts';

const NOWHERE = parseAddress('0000:99:00.0');

/** Between the host and assignable. */
export const BINDING: readonly ContractCase[] = [
  {
    name: 'bind puts a device on pciback and notes its driver',
    async run(world) {
      const driver = await world.driverOf(world.first);
      await take(world, { verb: 'bind', device: world.first });
      const device = await deviceNow(world, world.first);
      assert.deepEqual(device.place, { at: 'assignable' });
      assert.equal(device.homeDriver, driver);
      assert.equal(await world.driverOf(world.first), 'pciback');
      assert.match((await world.xl('pci-assignable-list')).stdout, new RegExp(`${world.first}`));
    },
  },
  {
    name: 'bind of a bound device is refused by us, and only a warning of xl',
    async run(world) {
      await take(world, { verb: 'bind', device: world.first });
      await assert.rejects(take(world, { verb: 'bind', device: world.first }), { code: 'PreconditionFailed' });
      const again = await world.xl('pci-assignable-add', world.first);
      assert.equal(again.status, 0);
      assert.match(again.stderr, /already assigned to pciback/);
    },
  },
  {
    name: 'bind and attach are refused when another card is there than the one they were decided for',
    async run(world) {
      const { identity, path } = await deviceNow(world, world.first);
      const card = { identity: { ...identity, device: 'ffff' }, path };
      const driver = await world.driverOf(world.first);
      await assert.rejects(take(world, { verb: 'bind', device: world.first, card }), { code: 'PreconditionFailed' });
      assert.equal(await world.driverOf(world.first), driver);
      await take(world, { verb: 'bind', device: world.first, card: { identity, path } });
      await world.running('red');
      const guest = await guestNow(world, 'red');
      const attach = { verb: 'attach', device: world.first, guest, via: 'libvirt', permissive: false } as const;
      await assert.rejects(take(world, { ...attach, card }), { code: 'PreconditionFailed' });
      assert.deepEqual((await deviceNow(world, world.first)).place, { at: 'assignable' });
    },
  },
  {
    name: 'bind of a device that does not exist is refused',
    async run(world) {
      assert.ok(NOWHERE);
      await assert.rejects(take(world, { verb: 'bind', device: NOWHERE }), { code: 'PreconditionFailed' });
      const ended = await world.xl('pci-assignable-add', NOWHERE);
      assert.equal(ended.status, 1);
      assert.match(ended.stderr, /Couldn't lstat/);
    },
  },
  {
    name: 'release gives a device back to its driver, and dom0 can use it',
    async run(world) {
      const driver = await world.driverOf(world.first);
      await take(world, { verb: 'bind', device: world.first });
      await take(world, { verb: 'release', device: world.first });
      assert.deepEqual((await deviceNow(world, world.first)).place, { at: 'host' });
      assert.equal(await world.driverOf(world.first), driver);
      assert.equal(await world.worksInDom0(world.first), true);
    },
  },
  {
    name: 'release after a guest had the device: dom0 can use it',
    async run(world) {
      await world.running('red');
      await give(world, world.second, 'red');
      await takeBack(world, world.second, 'red');
      await take(world, { verb: 'release', device: world.second });
      assert.equal(await world.worksInDom0(world.second), true);
    },
  },
  {
    name: 'what a guest has had is in quarantine, from which xl alone takes it for its driver',
    async run(world) {
      const driver = await world.driverOf(world.first);
      await world.running('red');
      await give(world, world.first, 'red');
      await world.destroy('red');
      const ended = await world.xl('pci-assignable-remove', '-r', world.first);
      assert.equal(ended.status, 0, ended.stderr);
      assert.match(ended.stderr, /Rebinding to driver at/);
      assert.equal(await world.driverOf(world.first), driver);
      assert.equal(await world.worksInDom0(world.first), true);
    },
  },
  {
    name: 'release is refused while a guest has the device, by us and by xl',
    async run(world) {
      await world.running('red');
      await give(world, world.first, 'red');
      await assert.rejects(take(world, { verb: 'release', device: world.first }), { code: 'PreconditionFailed' });
      const ended = await world.xl('pci-assignable-remove', '-r', world.first);
      assert.equal(ended.status, 1);
      assert.match(ended.stderr, /failed to de-quarantine/);
      assert.equal((await deviceNow(world, world.first)).place.at, 'guest');
    },
  },
  {
    name: 'bind is refused while a guest has the device, by us and by xl',
    async run(world) {
      await world.running('red');
      await give(world, world.first, 'red');
      await assert.rejects(take(world, { verb: 'bind', device: world.first }), { code: 'PreconditionFailed' });
      const ended = await world.xl('pci-assignable-add', world.first);
      assert.equal(ended.status, 1);
      assert.match(ended.stderr, /failed to quarantine/);
      await untilHeld(world, world.first, 'red');
    },
  },
  {
    name: 'release works where xl has no note of the driver, with the one we remember',
    async run(world) {
      const driver = await world.driverOf(world.first);
      assert.ok(driver);
      await take(world, { verb: 'bind', device: world.first });
      await world.removeXenstoreNode(`/libxl/pci/${world.first.replaceAll(/[:.]/g, '-')}/driver_path`);
      await take(world, { verb: 'release', device: world.first, driver });
      await eventually(world.patienceMs, async () => (await world.driverOf(world.first)) === driver);
      assert.equal(await world.worksInDom0(world.first), true);
    },
  },
  {
    name: 'release goes on with what was cut off after the device had left pciback',
    async run(world) {
      const driver = await world.driverOf(world.first);
      assert.ok(driver);
      await take(world, { verb: 'bind', device: world.first });
      await world.xl('pci-assignable-remove', world.first);
      assert.equal(await world.driverOf(world.first), undefined);
      await take(world, { verb: 'release', device: world.first, driver });
      await eventually(world.patienceMs, async () => (await world.driverOf(world.first)) === driver);
      assert.equal(await world.worksInDom0(world.first), true);
      // Without -r xl keeps its note of the driver.
      await world.removeXenstoreNode(`/libxl/pci/${world.first.replaceAll(/[:.]/g, '-')}/driver_path`);
    },
  },
  {
    name: 'release works after nodedev-detach, which neither quarantines nor notes the driver',
    async run(world) {
      const driver = await world.driverOf(world.first);
      assert.ok(driver);
      await world.nodedevDetach(world.first);
      const device = await deviceNow(world, world.first);
      assert.deepEqual(device.place, { at: 'assignable' });
      assert.equal(device.homeDriver, undefined);
      await take(world, { verb: 'release', device: world.first, driver });
      await eventually(world.patienceMs, async () => (await world.driverOf(world.first)) === driver);
      assert.equal(await world.worksInDom0(world.first), true);
    },
  },
  {
    name: 'release where nobody remembers the driver leaves the choice to the kernel, and no order behind',
    async run(world) {
      const driver = await world.driverOf(world.first);
      assert.equal(await world.overrideOf(world.first), undefined);
      await world.nodedevDetach(world.first);
      assert.equal(await world.overrideOf(world.first), 'pciback');
      await take(world, { verb: 'release', device: world.first });
      await eventually(world.patienceMs, async () => (await world.driverOf(world.first)) === driver);
      assert.equal(await world.overrideOf(world.first), undefined);
      assert.equal(await world.worksInDom0(world.first), true);
    },
  },
];

/** A write to sysfs may take a moment to show where sysfs is simulated. */
async function eventually(patienceMs: number, holds: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + patienceMs;
  while (!(await holds())) {
    assert.ok(Date.now() < deadline, `not within ${patienceMs} ms`);
    await new Promise(resolve => setTimeout(resolve, 20));
  }
}
