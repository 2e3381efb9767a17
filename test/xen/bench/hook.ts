/** What libvirt's hook adds to a domain's start, beside the bare call that binds a device. */
import assert from 'node:assert/strict';
import { type Line, measure } from '../../bench/measure.ts';
import { runToEnd } from '../../bench/program.ts';
import { becomes } from '../dom0/deadline.ts';
import { driverOf, HOST_DRIVERS, NICS } from '../dom0/devices.ts';
import { xl } from '../dom0/exec.ts';
import { Guest, hostdev } from '../dom0/guest.ts';
import { assignment } from '../dom0/manifest.ts';
import { measuring } from '../dom0/measuring.ts';
import { MANIFESTS, PROGRAM, writeManifest } from '../dom0/product.ts';
import type { Test } from '../dom0/test.ts';

const [nic] = NICS;
const ROUNDS = 7;
const DEADLINE = 1_200_000;

async function hook(): Promise<Line[]> {
  const plain = await Guest.define({ name: 'plain' });
  const red = await Guest.define({ name: 'red', devices: hostdev(nic, "<alias name='ua-xenpci-lan'/>") });
  await writeManifest('red.yaml', assignment('red', { lan: nic }));
  const node = { name: 'node -e 0', run: () => runToEnd(process.execPath, ['-e', '0']) };
  const prepare = async (guest: Guest): Promise<() => Promise<void>> => {
    const input = await guest.xml('stored');
    const args = [PROGRAM, 'hook', guest.name, 'prepare', 'begin', '-', '--manifests', MANIFESTS];
    return () => runToEnd(process.execPath, args, { input });
  };
  const add = (): Promise<unknown> => xl('pci-assignable-add', nic);
  const about = 'xenpci hook';
  return [
    await measure({
      what: `${about}, a start with nothing to bind`,
      run: await prepare(plain),
      floor: node,
      unit: 'ms',
      rounds: ROUNDS,
      warmUp: 1,
      goal: { floor: 3 },
    }),
    await measure({
      what: `${about}, a start with one device to bind`,
      run: binding(await prepare(red)),
      peer: { name: 'pci-assignable-add alone', run: binding(add) },
      floor: {
        name: 'node -e 0, then pci-assignable-add',
        run: binding(async () => {
          await node.run();
          await add();
        }),
      },
      unit: 'ms',
      rounds: ROUNDS,
      warmUp: 1,
      goal: { peer: 1.1 },
      note: 'in the emulator the start of Node alone takes longer than xl does',
    }),
  ];
}

/** Times what puts the card on pciback, and gives it back. */
function binding(bind: () => Promise<unknown>): () => Promise<number> {
  return async () => {
    const since = performance.now();
    await bind();
    const ms = performance.now() - since;
    assert.equal(await driverOf(nic), 'pciback');
    await xl('pci-assignable-remove', '-r', nic);
    await becomes('driver of the card', () => driverOf(nic), HOST_DRIVERS.get(nic), 60_000);
    return ms;
  };
}

/** What `npm run bench:xen` runs. */
export const tests: readonly Test[] = [
  measuring({ name: 'hook', title: "the hook before a domain's start", measure: hook }, DEADLINE),
];
