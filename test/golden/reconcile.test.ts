import { rmSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { runProgram } from '../../src/cli/program.ts';
import { acquireLock } from '../../src/daemon/lock.ts';
import { LookRequest } from '../../src/daemon/look-request.ts';
import { readLiveStatus } from '../../src/daemon/status-file.ts';
import { type CapturedShell, capturedShell } from '../unit/cli/captured-shell.ts';
import { address } from '../world.ts';
import { run } from './on-screen.ts';
import { type SimulatedHost, simulatedHost } from './simulated-host.ts';

const NIC = '0000:01:00.0';

function manifest(domain: string): string {
  return `apiVersion: xenpci.dev/v1alpha1\nkind: PCIAssignment\nmetadata: {name: web}\nspec:\n  domain: ${domain}\n  devices:\n    - {name: lan, address: "${NIC}"}\n`;
}

let host: SimulatedHost;
beforeAll(async () => {
  host = await simulatedHost();
  host.write('keep.yaml', '# Nothing is desired.\n');
});
afterAll(() => host.end());

const xenpci = (...args: string[]) => run(args, { env: { XENPCI_ROOT: host.root } });

async function screen(...args: string[]): Promise<string> {
  const { code, out, err } = await xenpci(...args);
  return host
    .golden(`${out}${err}exit code ${code}\n`)
    .replaceAll(/process \d+/g, 'process PID')
    .replaceAll(/\b\d+s$/gm, 'AGE');
}

/** A controller that looks by itself once an hour. */
async function controller(): Promise<CapturedShell> {
  const shell = capturedShell({ env: { XENPCI_ROOT: host.root } });
  const running = runProgram(['run', '--log', 'json', '--resync', '3600'], shell);
  onTestFinished(async () => {
    shell.stop();
    expect(await running).toBe(0);
  });
  await vi.waitFor(async () => expect(await readLiveStatus(host.dom0.layout)).toBeDefined(), { timeout: 30_000 });
  return shell;
}

// Each runs the program several times, on a machine that may be busy.
describe('reconcile without --once', { timeout: 120_000 }, () => {
  test('says so where no controller runs', async () => {
    expect(await screen('reconcile')).toMatchInlineSnapshot(`
      "error: no controller runs on this host. To bring everything into place without
        one, use --once
      exit code 2
      "
    `);
    expect(await screen('reconcile', '--allow-empty')).toMatchInlineSnapshot(`
      "error: --allow-empty goes with --once
      exit code 2
      "
    `);
  });

  test('says so where the controller has not looked at the host yet', async () => {
    const lock = await acquireLock(host.dom0.layout);
    try {
      expect(await screen('reconcile')).toMatchInlineSnapshot(`
        "error: the controller (process PID) has not looked at the host yet: see
          journalctl -u xenpci, or xenpci doctor
        exit code 2
        "
      `);
    } finally {
      await lock.release();
    }
  });

  test('lets the running controller try again at once what has failed, and shows what has become of it', async () => {
    host.dom0.faults.add({ operation: 'bind', device: address(NIC), kind: 'refused', times: 1_000 });
    const shell = await controller();
    const web = host.write('web.yaml', manifest('sys-net'));
    const failures = () => shell.out().split('"event":"StepFailed"').length - 1;
    // The next try comes seconds later, and the next look in an hour.
    await vi.waitFor(() => expect(failures()).toBeGreaterThan(2), { timeout: 60_000 });
    host.dom0.faults.clear();
    expect(await screen('reconcile', '--timeout', '60')).toMatchInlineSnapshot(`
      "NAME   DOMAIN    DEVICES   READY   REASON    AGE
      web    sys-net   1/1       True    InPlace   AGE
      exit code 0
      "
    `);
    expect(shell.out()).toContain('LookRequested');
    rmSync(web);
  });

  test('ends with 1 when something waits, and leaves a guard as it is', async () => {
    await controller();
    host.write('web.yaml', manifest('nobody'));
    await vi.waitFor(
      async () => expect((await readLiveStatus(host.dom0.layout))?.status.assignments[0]?.domain).toBe('nobody'),
      { timeout: 30_000 },
    );
    expect(await screen('reconcile', '--timeout', '60')).toMatchInlineSnapshot(`
      "NAME   DOMAIN   DEVICES   READY   REASON           AGE
      web    nobody   0/1       False   DomainNotFound   AGE
      exit code 1
      "
    `);
    expect(await screen('reconcile', '--manifests', '/elsewhere')).toMatchInlineSnapshot(`
      "error: the running controller works by /m;
        --manifests goes with --once
      exit code 2
      "
    `);
  });

  test('who asks while another waits is answered, and so is the other', async () => {
    await controller();
    const request = new LookRequest(host.dom0.layout);
    const before = await request.last();
    const first = xenpci('reconcile', '--timeout', '60');
    await vi.waitFor(async () => expect(await request.last()).not.toBe(before), { timeout: 30_000 });
    const both = await Promise.all([first, xenpci('reconcile', '--timeout', '60')]);
    expect(both.map(({ code, err }) => [code, err])).toEqual([
      [1, ''],
      [1, ''],
    ]);
  });

  test('with --once, tells how long only of what has become so meanwhile', async () => {
    host.write('web.yaml', manifest('storage'));
    const moved = await screen('reconcile', '--once');
    expect(moved).toMatch(/^web {4}storage {3}1\/1 {7}True {4}InPlace {3}AGE$/m);
    // It was so before, and nobody looked on.
    expect(await screen('reconcile', '--once')).toMatch(/^web {4}storage {3}1\/1 {7}True {4}InPlace {3}<none>$/m);
  });
});
