import { rmSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ApprovalFile } from '../../src/daemon/approval-file.ts';
import { observe } from '../../src/simulator/index.ts';
import type { CapturedOptions } from '../unit/cli/captured-shell.ts';
import { run } from './on-screen.ts';
import { type SimulatedHost, simulatedHost } from './simulated-host.ts';

let host: SimulatedHost;

beforeAll(async () => {
  host = await simulatedHost();
  host.write('storage.yaml', manifest(['0000:01:00.0', '0000:02:00.0', '0000:04:00.0']));
  expect(await code('reconcile', '--once')).toBe(0);
  host.write('storage.yaml', manifest([]));
});

afterAll(() => host.end());

function manifest(addresses: readonly string[]): string {
  const entries = addresses.map(address => `    - {name: d${address.slice(5, 7)}, address: "${address}"}\n`);
  const devices = entries.length === 0 ? ' []\n' : `\n${entries.join('')}`;
  return `apiVersion: xenpci.dev/v1alpha1\nkind: PCIAssignment\nmetadata: {name: storage}\nspec:\n  domain: storage\n  deletionPolicy: Host\n  devices:${devices}`;
}

const here = (): CapturedOptions => ({ env: { XENPCI_ROOT: host.root } });

async function code(...args: string[]): Promise<number> {
  return (await run(args, here())).code;
}

async function screen(args: readonly string[], options: CapturedOptions = {}): Promise<string> {
  const { code, out, err } = await run(args, { ...here(), ...options });
  // Which of the three came into the guest first is not decided.
  return host.golden(`${out}${err}exit code ${code}\n`).replace(/sees it at 0000:00:0\d\.0/, 'sees it at SLOT');
}

/** The guests that have a device. */
function holders(): string[] {
  return [...observe(host.dom0.model).devices.values()].flatMap(({ place }) =>
    place.at === 'guest' ? place.domain : [],
  );
}

describe('three devices would leave a running guest at once', () => {
  test('plan says that they wait, for what, and what would follow', async () => {
    expect(await screen(['plan'])).toMatchInlineSnapshot(`
      "0000:01:00.0  Intel Corporation 82574L Gigabit Network Connection
        because:       storage/d01 names it no longer (deletionPolicy: Host)
        is:            guest storage (driver pciback)
        waits:         NeedsApproval: 3 devices would leave running guests at once,
                       and at most 2 may unasked (maxDetachesPerPass): 0000:01:00.0
                       from storage, 0000:02:00.0 from storage, 0000:04:00.0 from
                       storage; approve with: xenpci approve
        once approved: 1. detach 0000:01:00.0 from storage
                       2. release 0000:01:00.0 to the host

      0000:02:00.0  Red Hat, Inc. QEMU NVM Express Controller
        because:       storage/d02 names it no longer (deletionPolicy: Host)
        is:            guest storage (driver pciback)
        waits:         NeedsApproval: 3 devices would leave running guests at once,
                       and at most 2 may unasked (maxDetachesPerPass): 0000:01:00.0
                       from storage, 0000:02:00.0 from storage, 0000:04:00.0 from
                       storage; approve with: xenpci approve
        once approved: 1. detach 0000:02:00.0 from storage
                       2. release 0000:02:00.0 to the host

      0000:04:00.0  Red Hat, Inc. QEMU NVM Express Controller
        because:       storage/d04 names it no longer (deletionPolicy: Host)
        is:            guest storage (driver pciback)
        waits:         NeedsApproval: 3 devices would leave running guests at once,
                       and at most 2 may unasked (maxDetachesPerPass): 0000:01:00.0
                       from storage, 0000:02:00.0 from storage, 0000:04:00.0 from
                       storage; approve with: xenpci approve
        once approved: 1. detach 0000:04:00.0 from storage
                       2. release 0000:04:00.0 to the host

      1 assignment: nothing to do, 3 waiting.
      exit code 0
      "
    `);
  });

  test('describe says it, too', async () => {
    expect(await screen(['describe', 'device', '0000:01:00.0'])).toMatchInlineSnapshot(`
      "Device:          0000:01:00.0
      Is:              Intel Corporation 82574L Gigabit Network Connection
      Subsystem:       Intel Corporation Device 0000
      Class:           Ethernet controller
      Identity:        vendor 8086, device 10d3, class 0200
                       subsystemVendor 8086, subsystemDevice 0000
      Path:            00_11.0/00_00.0
      Reset:           flr, bus

      Place:           guest storage
      xenstore:        storage (domain id 2), which sees it at SLOT
      libvirt live:    storage
      libvirt stored:  storage
      Driver:          pciback (in dom0 before: e1000e)
      Permissive:      no

      Guards:          <none>
      Assignment:      none any more: storage, entry d01, had it (deletionPolicy:
                       Host)
      Wanted:          <none>
      Ready:           False
      Steps:           <none>
      Once approved:   1. detach 0000:01:00.0 from storage
                       2. release 0000:01:00.0 to the host
      Waits:           NeedsApproval: 3 devices would leave running guests at once,
                       and at most 2 may unasked (maxDetachesPerPass): 0000:01:00.0
                       from storage, 0000:02:00.0 from storage, 0000:04:00.0 from
                       storage; approve with: xenpci approve
      Next:            If they may all go: xenpci approve. If not, correct the
                       manifests.
      exit code 0
      "
    `);
  });

  test('the controller takes nothing, and says that this is not all', async () => {
    expect(await code('reconcile', '--once')).toBe(1);
    expect(holders()).toHaveLength(3);
  });

  test('approve asks, and no is no', async () => {
    const asked: string[] = [];
    const ask = async (question: string): Promise<string> => {
      asked.push(question);
      return '';
    };
    expect(await screen(['approve'], { ask })).toMatchInlineSnapshot(`
      "DEVICE         LEAVES    ID   THEN
      0000:01:00.0   storage   2    release 0000:01:00.0 to the host
      0000:02:00.0   storage   2    release 0000:02:00.0 to the host
      0000:04:00.0   storage   2    release 0000:04:00.0 to the host
      Not approved: the devices stay where they are.
      exit code 1
      "
    `);
    expect(asked).toEqual(['Approve 3 detaches? [y/N] ']);
    expect(await new ApprovalFile(host.dom0.layout).load()).toEqual([]);
  });

  test('where nobody can be asked, it has to be told', async () => {
    expect(await screen(['approve'])).toMatchInlineSnapshot(`
      "DEVICE         LEAVES    ID   THEN
      0000:01:00.0   storage   2    release 0000:01:00.0 to the host
      0000:02:00.0   storage   2    release 0000:02:00.0 to the host
      0000:04:00.0   storage   2    release 0000:04:00.0 to the host
      error: there is no terminal to ask on; to approve: xenpci approve --yes
      exit code 2
      "
    `);
    expect(await new ApprovalFile(host.dom0.layout).load()).toEqual([]);
  });

  test('while a manifest is broken, nobody knows what there is to approve', async () => {
    const broken = host.write('broken.yaml', 'kind: [');
    expect(await screen(['approve', '--yes'])).toMatchInlineSnapshot(`
      "error: not every manifest is valid, so what waits is not known in full; see:
        xenpci validate
      exit code 2
      "
    `);
    rmSync(broken);
  });

  test('approved, they go, and then nothing waits', async () => {
    expect(await screen(['approve', '--yes'])).toMatchInlineSnapshot(`
      "DEVICE         LEAVES    ID   THEN
      0000:01:00.0   storage   2    release 0000:01:00.0 to the host
      0000:02:00.0   storage   2    release 0000:02:00.0 to the host
      0000:04:00.0   storage   2    release 0000:04:00.0 to the host
      Approved for 15 minutes: a controller that is started takes 3 detaches.
      exit code 0
      "
    `);
    expect(await code('reconcile', '--once')).toBe(0);
    expect(holders()).toEqual([]);
    expect(await screen(['approve'])).toMatchInlineSnapshot(`
      "Nothing waits for approval.
      exit code 0
      "
    `);
  });

  test('a yes is enough', async () => {
    host.write('storage.yaml', manifest(['0000:01:00.0', '0000:02:00.0', '0000:04:00.0']));
    await new ApprovalFile(host.dom0.layout).add([], Number.POSITIVE_INFINITY);
    expect(await code('reconcile', '--once')).toBe(0);
    host.write('storage.yaml', manifest([]));
    expect((await run(['approve'], { ...here(), ask: async () => 'y' })).code).toBe(0);
    expect(await code('reconcile', '--once')).toBe(0);
    expect(holders()).toEqual([]);
  });
});
