/** One look at who has which device, beside what the toolstack's own programs take to tell it. */
import { setMaxListeners } from 'node:events';
import { dom0Layout } from '../../../src/api/layout.ts';
import { createHost } from '../../../src/host/index.ts';
import { lookAtXenstore } from '../../../src/host/xenstore/follower.ts';
import { XenstoreClient } from '../../../src/xenstore-client/index.ts';
import { type Line, measure, type Other } from '../../bench/measure.ts';
import { runToEnd } from '../../bench/program.ts';
import { DISK_ID, DISKS, NIC_ID, NICS } from '../dom0/devices.ts';
import { succeed, xl } from '../dom0/exec.ts';
import { Guest } from '../dom0/guest.ts';
import { measuring } from '../dom0/measuring.ts';
import { PROGRAM } from '../dom0/product.ts';
import type { Test } from '../dom0/test.ts';

const ROUNDS = 11;
const DEADLINE = 1_200_000;
const BACKENDS = '/local/domain/0/backend/pci';
const layout = dom0Layout('/');

/** Two guests, each with a card and a disk. */
async function withDevices(): Promise<readonly string[]> {
  const names = ['red', 'blue'];
  for (const [n, name] of names.entries()) {
    const guest = await Guest.start({ name });
    for (const device of [NICS[n] ?? NICS[0], DISKS[n] ?? DISKS[0]]) {
      await xl('pci-assignable-add', device);
      await xl('pci-attach', name, device);
    }
    await guest.has([NIC_ID, DISK_ID], 300_000);
  }
  return names;
}

async function look(): Promise<Line[]> {
  const guests = await withDevices();
  const lists: Other = {
    name: '`xl pci-list` for each domain',
    async run() {
      for (const guest of guests) await xl('pci-list', guest);
    },
  };
  const listing: Other = {
    name: '`xenstore-ls` of the backends',
    run: async () => void (await succeed('xenstore-ls', ['-f', BACKENDS])),
  };
  const about = `${guests.length} guests with two devices each`;
  const never = new AbortController().signal;
  setMaxListeners(0, never);
  const first = async (): Promise<void> => {
    const client = await XenstoreClient.connect({ socketPath: layout.xenstoreSocket });
    await lookAtXenstore(client, never);
    await client.close();
  };
  const host = createHost(layout);
  const common = { unit: 'ms', rounds: ROUNDS } as const;
  try {
    return [
      await measure({
        ...common,
        what: `a first look at xenstore: ${about}`,
        run: first,
        peer: lists,
        floor: listing,
        goal: { peer: 0.5 },
      }),
      await measure({
        ...common,
        what: `a whole look, with libvirt, sysfs and what dom0 uses, in a process that stays: ${about}`,
        run: async () => void (await host.observe(never)),
        peer: lists,
        floor: listing,
        goal: { peer: 1 },
      }),
      await measure({
        ...common,
        what: `\`xenpci get devices --direct\`: ${about}`,
        run: () => runToEnd(process.execPath, [PROGRAM, 'get', 'devices', '--direct']),
        peer: lists,
        floor: { name: 'node -e 0', run: () => runToEnd(process.execPath, ['-e', '0']) },
        goal: { floor: 3 },
      }),
    ];
  } finally {
    await host.close();
  }
}

/** What `npm run bench:xen` runs. */
export const tests: readonly Test[] = [
  measuring({ name: 'look', title: 'one full look on real Xen', measure: look }, DEADLINE),
];
