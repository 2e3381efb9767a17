import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { runProgram } from '../../src/cli/program.ts';
import { socketPath } from '../../src/daemon/api/socket-file.ts';
import { XenstoreClient } from '../../src/xenstore-client/index.ts';
import { capturedShell } from '../unit/cli/captured-shell.ts';
import { get } from '../unit/daemon/api/served.ts';
import { address } from '../world.ts';
import { run } from './on-screen.ts';
import { type SimulatedHost, simulatedHost } from './simulated-host.ts';

/*
 * A guest owns its own part of xenstore, and what it writes there makes pciback write in dom0's part. It may also just
 * never let go of a device. It must not keep dom0 busy, nor keep other guests from being served.
 */

const NIC = '0000:01:00.0';
const DISK = '0000:02:00.0';
const SPARE = '0000:04:00.0';
const RUBBISH = Buffer.from('\u0000\u001b[2J\ud83d\ude00"<x>&'.repeat(40));

function manifest(name: string, ...devices: readonly string[]): string {
  const entries = devices.map((device, index) => `{name: d${index}, address: "${device}"}`);
  return `apiVersion: xenpci.dev/v1alpha1
kind: PCIAssignment
metadata: {name: ${name}}
spec: {domain: ${name}, devices: [${entries.join(', ')}]}
`;
}

let host: SimulatedHost;
let ended: Promise<unknown>;
let stop: () => void;
let guest: XenstoreClient;
let domid: number;

beforeAll(async () => {
  host = await simulatedHost();
  host.write('sys-net.yaml', manifest('sys-net', NIC));
  host.write('storage.yaml', manifest('storage', DISK));
  const shell = capturedShell({ env: { XENPCI_ROOT: host.root } });
  stop = shell.stop;
  ended = runProgram(['run', '--log', 'json'], shell);
  await vi.waitFor(() => expect(where()).toMatchObject({ [NIC]: 'sys-net', [DISK]: 'storage' }), { timeout: 60_000 });
  domid = host.dom0.model.domain('sys-net').instance?.domid ?? 0;
  guest = await XenstoreClient.connect({ socketPath: host.dom0.layout.xenstoreSocket });
}, 90_000);

afterAll(async () => {
  await guest.close();
  stop();
  await ended;
  await host.end();
});

/** Which guest has each device, as the far side knows it. */
function where(): Record<string, string> {
  const domains = [...host.dom0.model.dom0.domains.values()];
  return Object.fromEntries(
    domains.flatMap(({ name, instance }) => (instance?.live.hostdevs ?? []).map(each => [each.address, name])),
  );
}

async function looks(): Promise<number> {
  const { text } = await get({ socketPath: socketPath(host.dom0.layout) }, '/metrics');
  return Number(/^xenpci_passes_total\{result="looked"\} (\d+)$/m.exec(text)?.[1]);
}

describe('a hostile guest', { timeout: 120_000 }, () => {
  test('writes rubbish wherever it can: nobody looks, and nothing changes', async () => {
    const before = await looks();
    const home = `/local/domain/${domid}`;
    for (const node of [
      'device/pci/0/state',
      'device/pci/0/backend',
      'device/pci/0/root-0',
      'data/x',
      'control/y',
      'name-x',
    ]) {
      for (let time = 0; time < 200; time++) await guest.write(`${home}/${node}`, RUBBISH);
    }
    for (let node = 0; node < 500; node++) await guest.write(`${home}/device/pci/${node}/state`, '5');
    expect((await looks()) - before).toBeLessThanOrEqual(3);
    expect(where()).toMatchObject({ [NIC]: 'sys-net', [DISK]: 'storage' });
  });

  test('floods the watches through pciback: a bounded number of looks, and others are served meanwhile', async () => {
    const before = await looks();
    const began = performance.now();
    const state = `/local/domain/0/backend/pci/${domid}/0/state`;
    let writes = 0;
    let isServed = false;
    const flood = async (): Promise<void> => {
      while (!isServed || writes < 4_000) {
        await Promise.all([guest.write(state, '7'), guest.write(state, '8'), guest.write(state, '4')]);
        writes += 3;
      }
    };
    host.write('storage.yaml', manifest('storage', DISK, SPARE));
    await Promise.all([
      flood(),
      vi
        .waitFor(() => expect(where()).toMatchObject({ [SPARE]: 'storage', [NIC]: 'sys-net' }), { timeout: 60_000 })
        .finally(() => {
          isServed = true;
        }),
    ]);
    const seconds = (performance.now() - began) / 1000;
    // 50 at once and 5 a second for hints, and a few for the edit, its steps and the resync.
    expect((await looks()) - before).toBeLessThanOrEqual(50 + 5 * seconds + 20);
    expect(writes).toBeGreaterThanOrEqual(4_000);
  });

  test('never lets go: its devices stay with it, and say so, while others move', async () => {
    host.dom0.model.setRefusing('sys-net', true);
    host.write('sys-net.yaml', manifest('sys-net'));
    host.write('storage.yaml', manifest('storage', SPARE));
    await vi.waitFor(() => expect(where()[DISK]).toBeUndefined(), { timeout: 60_000 });
    host.write('storage.yaml', manifest('storage', DISK, SPARE));
    await vi.waitFor(() => expect(where()).toMatchObject({ [DISK]: 'storage' }), { timeout: 60_000 });
    await vi.waitFor(
      async () => {
        const { out } = await run(['describe', 'device', NIC], { env: { XENPCI_ROOT: host.root } });
        expect(out).toMatch(/Place: +guest sys-net/);
        expect(out).toMatch(/failed \d+ times? since/);
      },
      { timeout: 60_000 },
    );
    expect(host.dom0.model.dom0.violations).toEqual([]);
    expect(host.dom0.model.dom0.present(address(NIC))).toBeDefined();
  });

  test('meanwhile this process listens on no network', () => {
    // Every socket of the process, by the numbers of its descriptors; the tables list those of the whole network name space.
    const kinds = process.getActiveResourcesInfo().filter(kind => /^(?:TCP|UDP)/.test(kind));
    expect(kinds).toEqual([]);
    expect(readFileSync('/proc/self/status', 'utf8')).toContain('VmRSS');
  });
});
