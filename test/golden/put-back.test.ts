/** A card that is pulled out of a running guest, put back and made assignable, while no controller runs. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { observe, plug, runXl, unplug } from '../../src/simulator/index.ts';
import { address } from '../world.ts';
import { run } from './on-screen.ts';
import { type SimulatedHost, simulatedHost } from './simulated-host.ts';

const NIC = address('0000:01:00.0');
let host: SimulatedHost;

beforeAll(async () => {
  host = await simulatedHost();
});

afterAll(() => host.end());

function give(domain: string): void {
  const spec = `{domain: ${domain}, devices: [{name: lan, address: "${NIC}"}]}`;
  host.write(
    'net.yaml',
    `apiVersion: xenpci.dev/v1alpha1\nkind: PCIAssignment\nmetadata: {name: net}\nspec: ${spec}\n`,
  );
}

/** A life of the controller. @returns what it says. */
async function reconcile(): Promise<string> {
  return host.golden((await run(['reconcile', '--once'], { env: { XENPCI_ROOT: host.root } })).out);
}

const describeNic = async (): Promise<string> =>
  host.golden((await run(['describe', 'device', NIC], { env: { XENPCI_ROOT: host.root } })).out);
const holder = (): number | undefined => host.dom0.model.dom0.devices.get(NIC)?.holder;

test('is not taken from the guest, which never had it, before that guest is gone', async () => {
  const { model } = host.dom0;
  give('sys-net');
  await reconcile();
  expect(holder()).toBe(model.domain('sys-net').instance?.domid);

  unplug(model.dom0, NIC);
  plug(model.dom0, NIC);
  runXl(model, { argv: ['pci-assignable-add', NIC], readConfig: () => '' });
  expect(observe(model).devices.get(NIC)?.place, 'xenstore still says so').toMatchObject({ domain: 'sys-net' });
  expect(await describeNic()).toContain('NeedsRestart');

  give('storage');
  const said = await reconcile();
  expect(said).toContain('waits:         NeedsRestart: xenstore says that sys-net has 0000:01:00.0, but');
  expect(said).not.toContain('detach');
  expect(await describeNic()).toContain('this card was never given to it');
  expect(model.dom0.violations).toEqual([]);

  model.destroy('sys-net');
  await reconcile();
  expect(holder()).toBe(model.domain('storage').instance?.domid);
  expect(model.dom0.violations).toEqual([]);
});
