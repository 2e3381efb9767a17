import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { LibvirtClient } from '../../../src/node-libvirt/index.ts';
import {
  DEFAULT_WORLD,
  type SimulatedDom0,
  type SimulationOptions,
  startSimulatedDom0,
  type World,
} from '../../../src/simulator/index.ts';
import { XenstoreClient } from '../../../src/xenstore-client/index.ts';
import { NIC, NVME } from './world.ts';

const ADDRESSES: ReadonlySet<string> = new Set(['0000:00:11.0', NIC, '0000:00:12.0', NVME]);

/** The default world with two slots only: quicker to make. */
const SMALL_WORLD: World = {
  ...DEFAULT_WORLD,
  devices: DEFAULT_WORLD.devices.filter(({ address }) => ADDRESSES.has(address)),
};

/** Starts a simulated dom0 in a folder of its own; both go when the test ends. */
export async function running(options: Omit<SimulationOptions, 'root'> = {}): Promise<SimulatedDom0> {
  const root = mkdtempSync(join(tmpdir(), 'sim-'));
  const dom0 = await startSimulatedDom0({ root, world: SMALL_WORLD, latencyMs: 0, settleMs: 0, ...options });
  onTestFinished(async () => {
    await dom0.stop();
    rmSync(root, { recursive: true });
  });
  return dom0;
}

/** A client of its xenstored. */
export async function xenstore(dom0: SimulatedDom0): Promise<XenstoreClient> {
  const client = await XenstoreClient.connect({ socketPath: dom0.layout.xenstoreSocket, backoff: BACKOFF });
  onTestFinished(() => client.close());
  return client;
}

const BACKOFF = { firstMs: 1, longestMs: 10 };

/** A client of its libvirtd. */
export function libvirt(dom0: SimulatedDom0): LibvirtClient {
  const client = new LibvirtClient({ socketPath: dom0.layout.libvirtSocket });
  onTestFinished(() => client.close());
  return client;
}
