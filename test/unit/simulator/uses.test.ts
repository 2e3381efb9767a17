import { describe, expect, test } from 'vitest';
import { createHost } from '../../../src/host/index.ts';
import { runCommand } from '../../../src/simulator/control-commands.ts';
import { at, DEFAULT_WORLD, observe, type SimulatedDom0 } from '../../../src/simulator/index.ts';
import type { HostUse } from '../../../src/simulator/model/device.ts';
import { running } from './running.ts';
import { NIC, NVME } from './world.ts';

const ROOT = at('0000:00:03.0');
const UPLINK = at('0000:00:04.0');

/** What the host adapter finds of a device's use, which must be what the model says. */
async function found(dom0: SimulatedDom0, address = NIC): Promise<string[]> {
  const host = createHost(dom0.layout);
  try {
    const { devices } = await host.observe(AbortSignal.timeout(20_000));
    const uses = devices.get(address)?.uses ?? [];
    expect(uses).toEqual(observe(dom0.model).devices.get(address)?.uses);
    return uses.map(({ guard, text }) => `${guard}: ${text}`);
  } finally {
    await host.close();
  }
}

describe('what dom0 uses its devices for', () => {
  test('is the root disk and the way to its network from the start', async () => {
    const dom0 = await running({ world: DEFAULT_WORLD });
    expect(await found(dom0, ROOT)).toEqual(['MountedFilesystem: vda is mounted at /']);
    expect(await found(dom0, UPLINK)).toEqual([
      'DefaultRoute: the default route (IPv4) goes through eth0',
      'NetworkAddress: 10.0.2.15 is on eth0',
    ]);
    expect(await found(dom0)).toEqual([]);
  });

  test('changes by command, and ends when the driver goes', async () => {
    const dom0 = await running();
    const use = (device: typeof NIC, change: HostUse): Promise<unknown> =>
      runCommand(dom0, { command: 'use', device, use: change });
    await use(NIC, { interface: 'eth1', address: '10.9.8.7', bridge: 'xenbr0' });
    await use(NVME, { disk: 'nvme0n1', swap: true, member: 'bcache' });
    expect(await found(dom0)).toEqual([
      'NetworkAddress: 10.9.8.7 is on eth1',
      'NetworkBridge: eth1 is a port of xenbr0',
    ]);
    expect(await found(dom0, NVME)).toEqual(['Swap: nvme0n1 is swap', 'StorageMember: nvme0n1 is bcache']);
    await use(NIC, { interface: 'eth1' });
    expect(await found(dom0)).toEqual([]);
    await runCommand(dom0, { command: 'xl', argv: ['pci-assignable-add', NVME], folder: '/' });
    expect(await found(dom0, NVME)).toEqual([]);
  });
});
