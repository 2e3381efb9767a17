import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Address } from '../../../src/api/address.ts';
import { LibvirtClient } from '../../../src/node-libvirt/index.ts';
import { backendPath, CARDS, type World } from '../../../src/simulator/index.ts';
import { hostdevOf, manifestOf } from '../manifest.ts';
import { measure } from '../measure.ts';
import type { Row } from '../row.ts';
import { BenchController, BenchHost, type Latencies } from '../simulated.ts';
import { addressAt } from '../worlds.ts';

const run = promisify(execFile);

const DOMAINS = 50;
/** Of each domain. */
const DEVICES = 2;
const ROUNDS = 3;
/** As measured on Xen 4.17 with libvirt 9.0: a bind 0.2 s, an attach 0.25 to 0.5 s, and as much again until it shows. */
const LATENCIES: Latencies = { operations: { bind: 200, attach: 300, configure: 10 }, settle: 300 };

/** Many domains get their devices for the first time. */
export const domains: Row = {
  name: 'domains',
  title: `${DOMAINS} domains get ${DEVICES} devices each, from nothing, at the pace of real Xen`,
  async measure() {
    return [
      await measure({
        what: `${DOMAINS} domains with ${DEVICES} devices each, from nothing: saved → usable in all guests`,
        run: () => onHost(DOMAINS, byController),
        peer: { name: 'the same calls one after the other', run: () => onHost(DOMAINS, oneAfterTheOther) },
        floor: { name: "one domain's own steps", run: () => onHost(1, bySteps) },
        unit: 'ms',
        rounds: ROUNDS,
        warmUp: 0,
        goal: { peer: 0.1, floor: 1.2 },
        note: 'binding takes 200 ms, attaching 300 ms, the answer of a guest up to 300 ms more (simulated, as on Xen 4.17)',
      }),
    ];
  },
};

/** @returns ms, as `work` says. */
async function onHost(size: number, work: (host: BenchHost) => Promise<number>): Promise<number> {
  const host = await BenchHost.start(worldOf(size), LATENCIES);
  try {
    return await work(host);
  } finally {
    await host.end();
  }
}

async function byController(host: BenchHost): Promise<number> {
  host.save('all.yaml', manifests(0));
  const controller = new BenchController(host);
  try {
    await controller.logged(({ event }) => event === 'Ready', DOMAINS);
    const served = allServed(host, DOMAINS);
    const at = host.save('all.yaml', manifests(DEVICES));
    return (await served) - at;
  } finally {
    await controller.end();
  }
}

/** As a script does it; a script of `virsh` would also start a program for each call. */
async function oneAfterTheOther(host: BenchHost): Promise<number> {
  return withLibvirt(host, async client => {
    const served = allServed(host, DOMAINS);
    const at = performance.now();
    for (let index = 0; index < DOMAINS; index += 1) {
      const domain = await client.domainByName(nameOf(index));
      for (const device of devicesOf(index)) {
        await run(host.dom0.layout.xl, ['pci-assignable-add', device]);
        await client.attachDevice(domain, hostdevOf(device), { live: true, config: true });
      }
    }
    return (await served) - at;
  });
}

/** What has to follow one another: both devices are bound, then one is attached after the other. */
async function bySteps(host: BenchHost): Promise<number> {
  return withLibvirt(host, async client => {
    const served = allServed(host, 1);
    const at = performance.now();
    const domain = await client.domainByName(nameOf(0));
    const [first = '', second = ''] = devicesOf(0);
    const answered = connected(host, 1, 1);
    await Promise.all(devicesOf(0).map(device => run(host.dom0.layout.xl, ['pci-assignable-add', device])));
    await client.attachDevice(domain, hostdevOf(first), { live: true });
    await answered;
    await client.attachDevice(domain, hostdevOf(second), { live: true });
    return (await served) - at;
  });
}

async function withLibvirt(host: BenchHost, work: (client: LibvirtClient) => Promise<number>): Promise<number> {
  const client = new LibvirtClient({ socketPath: host.dom0.layout.libvirtSocket });
  try {
    await client.connect();
    return await work(client);
  } finally {
    client.close();
  }
}

/** Resolves with the moment at which every guest can use all its devices. */
async function allServed(host: BenchHost, size: number): Promise<number> {
  await Promise.all(Array.from({ length: size }, (_, index) => connected(host, index + 1, DEVICES)));
  return performance.now();
}

/** Resolves when a guest can use so many devices: its backend is connected, state 4. */
function connected({ dom0 }: BenchHost, domid: number, devices: number): Promise<void> {
  const { store } = dom0.model.dom0;
  const folder = backendPath(domid);
  return new Promise(resolve => {
    const end = store.onChange(path => {
      if (path !== `${folder}/state` || store.read(path) !== '4') return;
      if (store.read(`${folder}/num_devs`) !== String(devices)) return;
      end();
      resolve();
    });
  });
}

function worldOf(size: number): World {
  const card = { identity: CARDS.e1000e, homeDriver: 'e1000e', resetMethods: ['flr'] };
  return {
    devices: Array.from({ length: size }, (_, index) => devicesOf(index).map(address => ({ ...card, address }))).flat(),
    domains: Array.from({ length: size }, (_, index) => ({
      name: nameOf(index),
      uuid: `00000000-0000-4000-8000-${String(index).padStart(12, '0')}`,
      passthrough: true,
      running: true,
    })),
  };
}

function nameOf(index: number): string {
  return `guest-${index}`;
}

/** Each in a slot of its own. */
function devicesOf(index: number): Address[] {
  return Array.from({ length: DEVICES }, (_, n) => addressAt(2 * (index * DEVICES + n)));
}

/** @param count devices of each domain. */
function manifests(count: number): string {
  return Array.from({ length: DOMAINS }, (_, index) =>
    manifestOf(nameOf(index), devicesOf(index).slice(0, count)),
  ).join('---\n');
}
