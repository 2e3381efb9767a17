import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { observe, runXl } from '../../src/simulator/index.ts';
import { address } from '../world.ts';
import { run } from './on-screen.ts';
import { type SimulatedHost, simulatedHost } from './simulated-host.ts';

const ORPHAN = '0000:03:00.0';
let host: SimulatedHost;

beforeAll(async () => {
  host = await simulatedHost();
  host.write(
    'net.yaml',
    'apiVersion: xenpci.dev/v1alpha1\nkind: PCIAssignment\nmetadata: {name: net}\nspec: {domain: media, devices: [{name: lan, address: "0000:01:00.0"}]}\n',
  );
  runXl(host.dom0.model, { argv: ['pci-assignable-add', ORPHAN], readConfig: () => '' });
  expect(await out('reconcile', '--once')).toContain('Prepared');
});

afterAll(() => host.end());

async function out(...args: string[]): Promise<string> {
  return (await run(args, { env: { XENPCI_ROOT: host.root } })).out;
}

/** The word that `get devices` has for a device, in its last column. */
async function word(at: string): Promise<string | undefined> {
  const row = (await out('get', 'devices')).split('\n').find(line => line.startsWith(at));
  return row?.trim().split(/\s+/).at(-1);
}

describe('a device that is bound to pciback and wanted by nobody', () => {
  test('is shown, and left where it is', async () => {
    expect(await word(ORPHAN)).toBe('Orphan');
    expect(await word('0000:01:00.0'), 'also on pciback, and wanted').toBe('Prepared');
    expect(observe(host.dom0.model).devices.get(address(ORPHAN))?.place).toEqual({ at: 'assignable' });
  });

  test('is explained, with the command that gives it back', async () => {
    const text = host.golden(await out('describe', 'device', ORPHAN));
    expect(text.slice(text.indexOf('Assignment:'))).toMatchInlineSnapshot(`
      "Assignment:      <none>
      Wanted:          <none>
      Ready:           <none>
      Orphan:          it is bound to pciback, and no manifest, record or stored
                       definition wants it; it is left alone
      Steps:           <none>
      Next:            Nothing, unless you want it elsewhere. To give it back to dom0:
                       xl pci-assignable-remove -r 0000:03:00.0. To assign it, name it
                       in /m.
      "
    `);
  });

  test('has a condition for programs', async () => {
    const object = parse(await out('get', 'devices', ORPHAN, '-o', 'yaml'));
    expect(object.status.conditions).toEqual([
      {
        type: 'Orphan',
        status: 'True',
        reason: 'WantedByNobody',
        message: 'it is bound to pciback, and no manifest, record or stored definition wants it; it is left alone',
      },
    ]);
  });

  test('is none as soon as a domain is stored to start with it', async () => {
    const { model } = host.dom0;
    const legacy = model.domain('legacy');
    const hostdev = { address: address(ORPHAN), managed: false, permissive: false, driverNamed: true };
    model.libvirt.attach(legacy, hostdev, { live: false, stored: true });
    expect(await word(ORPHAN)).not.toBe('Orphan');
  });
});
