import { rmSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { runProgram } from '../../src/cli/program.ts';
import { readLiveStatus } from '../../src/daemon/status-file.ts';
import { SuspensionFile } from '../../src/daemon/suspension-file.ts';
import { observe } from '../../src/simulator/index.ts';
import { capturedShell } from '../unit/cli/captured-shell.ts';
import { address } from '../world.ts';
import { run } from './on-screen.ts';
import { type SimulatedHost, simulatedHost } from './simulated-host.ts';

const NIC = '0000:01:00.0';

function manifest(more = ''): string {
  return `apiVersion: xenpci.dev/v1alpha1\nkind: PCIAssignment\nmetadata: {name: web}\nspec:\n  domain: sys-net\n${more}  devices:\n    - {name: lan, address: "${NIC}"}\n`;
}

let host: SimulatedHost;
let web: string;
beforeAll(async () => {
  host = await simulatedHost();
  host.write('keep.yaml', '# Nothing is desired.\n');
  web = host.write('web.yaml', manifest());
});
afterAll(() => host.end());

const env = (by = 'anna') => ({ XENPCI_ROOT: host.root, SUDO_USER: by });
const xenpci = (...args: string[]) => run(args, { env: env() });

async function screen(...args: string[]): Promise<string> {
  const { code, out, err } = await xenpci(...args);
  return host.golden(`${out}${err}exit code ${code}\n`);
}

const place = () => observe(host.dom0.model).devices.get(address(NIC))?.place;

// Each runs the program several times, on a machine that may be busy.
describe('suspend and resume', { timeout: 120_000 }, () => {
  test('refuse what there is not, and say what may have been meant', async () => {
    expect(await screen('suspend', 'wep')).toMatchInlineSnapshot(`
      "error: there is no assignment "wep" in /m;
        did you mean web?
      exit code 2
      "
    `);
    expect(await screen('resume', 'nothing-like-it')).toMatchInlineSnapshot(`
      "error: there is no assignment "nothing-like-it" in
        /m; xenpci get assignments lists all
      exit code 2
      "
    `);
    expect(await screen('resume')).toMatchInlineSnapshot(`
      "error: resume takes either the name of an assignment or --all
      exit code 2
      "
    `);
    expect(await screen('resume', 'web')).toMatchInlineSnapshot(`
      "web is not suspended.
      exit code 0
      "
    `);
    expect(await screen('resume', '--all')).toMatchInlineSnapshot(`
      "Nothing is suspended at this machine.
      exit code 0
      "
    `);
    expect((await xenpci('suspend', 'web', '--reason', 'x'.repeat(201))).code).toBe(2);
    expect(await new SuspensionFile(host.dom0.layout).load()).toEqual({ suspended: [], resumed: [] });
  });

  test('what is suspended takes no step, and every command says who did it, and why', async () => {
    expect(await screen('suspend', 'web', '--reason', 'new  driver\nunder test')).toMatchInlineSnapshot(`
      "web is suspended. To go on: xenpci resume web
      exit code 0
      "
    `);
    expect(await screen('suspend', 'web')).toMatchInlineSnapshot(`
      "web is suspended already, by anna since DATE.
      exit code 0
      "
    `);
    expect((await xenpci('reconcile', '--once')).code).toBe(1);
    expect(place()).toEqual({ at: 'host' });
    expect(await screen('get', 'assignments')).toMatchInlineSnapshot(`
      "NAME   DOMAIN    DEVICES   READY   REASON      AGE
      web    sys-net   0/1       False   Suspended   <none>
      exit code 0
      "
    `);
    expect(await screen('describe', 'assignment', 'web')).toMatchInlineSnapshot(`
      "Assignment:      web
      File:            /m/web.yaml:1
      Domain:          sys-net (running, domain id 1)
      Policies:        updatePolicy Live, whenStopped Assignable,
                       deletionPolicy Assignable, driftPolicy Correct
      Start hook:      not in force: libvirtd has not called xenpci since it started
      Suspended:       suspended by anna since DATE (new driver under
                       test); to go on: xenpci resume web

      Conditions:
        Ready False: Suspended: lan: suspended by anna since DATE (new
          driver under test); to go on: xenpci resume web

      Devices:
      ENTRY   ADDRESS        PLACE   READY   REASON
      lan     0000:01:00.0   host    False   Suspended

      Device:          0000:01:00.0
      Steps:           <none>
      Waits:           Suspended: suspended by anna since DATE (new
                       driver under test); to go on: xenpci resume web
      Next:            When work may go on: xenpci resume web
      exit code 0
      "
    `);
    expect(await screen('plan')).toMatchInlineSnapshot(`
      "0000:01:00.0  Intel Corporation 82574L Gigabit Network Connection
        because:       web/lan wants it for sys-net
                       (/m/web.yaml:7)
        is:            host (driver e1000e)
        waits:         Suspended: suspended by anna since DATE (new
                       driver under test); to go on: xenpci resume web

      1 assignment: nothing to do, 1 waiting.
      exit code 0
      "
    `);
    expect(await screen('explain', 'Suspended')).toMatchInlineSnapshot(`
      "Suspended (wait)

      A person has suspended the assignment at the machine (xenpci suspend), or it
      says suspend: true.

      What to do: When work may go on: xenpci resume NAME, or set suspend: false.
      exit code 0
      "
    `);
  });

  test('the hook binds nothing for it, as with the manifest', async () => {
    const definition = `<domain type='xen'><name>sys-net</name><uuid>6d1f0cde-3b54-4bb7-9a8e-2f2d3e4a5b6c</uuid><os><type>linux</type></os><devices><hostdev mode='subsystem' type='pci' managed='no'><source><address domain='0x0000' bus='0x01' slot='0x00' function='0x0'/></source><alias name='ua-xenpci-0000-01-00-0'/></hostdev></devices></domain>`;
    const stdin = (async function* () {
      yield Buffer.from(definition);
    })();
    const { code, err } = await run(['hook', 'sys-net', 'prepare', 'begin', '-'], { env: env(), stdin });
    expect(host.golden(`${err}exit code ${code}`)).toMatchInlineSnapshot(`
      "xenpci: 0000:01:00.0 is with dom0 (driver e1000e), and nothing binds it to pciback: web: suspended by anna since DATE (new driver under test); to go on: xenpci resume web
      exit code 1"
    `);
    expect(place()).toEqual({ at: 'host' });
  });

  test('resumed, it is put in place; suspended by its manifest, that is named', async () => {
    expect(await screen('resume', 'web')).toMatchInlineSnapshot(`
      "web is resumed.
      exit code 0
      "
    `);
    host.write('web.yaml', manifest('  suspend: true\n'));
    expect(await screen('resume', 'web')).toMatchInlineSnapshot(`
      "web is suspended by its manifest: set suspend: false in
        /m/web.yaml:1
      exit code 1
      "
    `);
    host.write('web.yaml', manifest());
    expect((await xenpci('reconcile', '--once')).code).toBe(0);
    expect(place()).toMatchObject({ at: 'guest', domain: 'sys-net' });
  });

  test('when its manifest goes, nothing is taken away before it is resumed', async () => {
    expect((await xenpci('suspend', 'web')).code).toBe(0);
    rmSync(web);
    expect((await xenpci('reconcile', '--once')).code).toBe(0);
    expect(place()).toMatchObject({ at: 'guest', domain: 'sys-net' });
    expect(await screen('describe', 'device', NIC)).toMatchInlineSnapshot(`
      "Device:          0000:01:00.0
      Is:              Intel Corporation 82574L Gigabit Network Connection
      Subsystem:       Intel Corporation Device 0000
      Class:           Ethernet controller
      Identity:        vendor 8086, device 10d3, class 0200
                       subsystemVendor 8086, subsystemDevice 0000
      Path:            00_11.0/00_00.0
      Reset:           flr, bus

      Place:           guest sys-net
      xenstore:        sys-net (domain id 1), which sees it at 0000:00:00.0
      libvirt live:    sys-net
      libvirt stored:  sys-net
      Driver:          pciback (in dom0 before: e1000e)
      Permissive:      no

      Guards:          <none>
      Assignment:      none any more: web, entry lan, had it (deletionPolicy:
                       Assignable)
      Wanted:          <none>
      Ready:           False
      Steps:           <none>
      Waits:           Suspended: suspended by anna since DATE; to go
                       on: xenpci resume web
      Next:            When work may go on: xenpci resume web
      exit code 0
      "
    `);
    expect(await screen('resume', 'web')).toMatchInlineSnapshot(`
      "web is resumed. No manifest has it any more, so its deletionPolicy applies.
      exit code 0
      "
    `);
    expect((await xenpci('reconcile', '--once')).code).toBe(0);
    expect(place()).toEqual({ at: 'assignable' });
    host.write('web.yaml', manifest());
    expect((await xenpci('reconcile', '--once')).code).toBe(0);
  });

  test('while the record cannot be used nothing is done; resume --all begins a new one', async () => {
    const { path } = new SuspensionFile(host.dom0.layout);
    writeFileSync(path, '{"version":');
    rmSync(web);
    expect((await xenpci('reconcile', '--once')).code).toBe(0);
    expect(place()).toMatchObject({ at: 'guest', domain: 'sys-net' });
    host.write('web.yaml', manifest());
    expect(await screen('get', 'assignments')).toMatchInlineSnapshot(`
      "NAME   DOMAIN    DEVICES   READY   REASON              AGE
      web    sys-net   0/1       False   SuspensionUnknown   <none>
      exit code 0
      "
    `);
    expect(await screen('suspend', 'web')).toMatchInlineSnapshot(`
      "error: the record of suspended assignments cannot be changed:
        /root/var/lib/xenpci/suspensions.json cannot be used: Unexpected
        end of JSON input. Until it is mended nothing is touched; to begin a new one:
        xenpci resume --all
      exit code 2
      "
    `);
    expect(await screen('resume', 'web')).toMatchInlineSnapshot(`
      "error: the record of suspended assignments cannot be changed:
        /root/var/lib/xenpci/suspensions.json cannot be used: Unexpected
        end of JSON input. Until it is mended nothing is touched; to begin a new one:
        xenpci resume --all
      exit code 2
      "
    `);
    expect(await screen('resume', '--all')).toMatchInlineSnapshot(`
      "What was suspended is not known; a new record is begun, and nothing is suspended
        by it.
      exit code 0
      "
    `);
    expect((await xenpci('reconcile', '--once')).code).toBe(0);
  });

  test('a running controller leaves drift as it is, and mends it when it is given back', async () => {
    const shell = capturedShell({ env: env() });
    const controller = runProgram(['run', '--log', 'json'], shell);
    onTestFinished(async () => {
      shell.stop();
      expect(await controller).toBe(0);
    });
    const told = (text: string) => vi.waitFor(() => expect(shell.out()).toContain(text), { timeout: 30_000 });
    await vi.waitFor(async () => expect(await readLiveStatus(host.dom0.layout)).toBeDefined(), { timeout: 30_000 });

    expect((await xenpci('suspend', 'web', '--reason', 'drift')).code).toBe(0);
    expect(shell.out(), 'it has heard').toContain('web is not ready: Suspended');
    expect((await host.dom0.xl.run(['pci-detach', 'sys-net', NIC], '/')).status).toBe(0);
    await told('Diverged');
    expect(place()).toEqual({ at: 'assignable' });
    expect(shell.out()).not.toContain('StepStarted');

    const resumed = await run(['resume', 'web'], { env: env('ben') });
    expect(resumed.out).toBe('web is resumed.\n');
    const inGuest = { at: 'guest', domain: 'sys-net' };
    await vi.waitFor(() => expect(place()).toMatchObject(inGuest), { timeout: 30_000 });
    const { out } = await xenpci('events', '--for', 'assignment/web', '-o', 'json');
    const { items } = JSON.parse(out) as { items: { reason: string; note: string }[] };
    expect(items.filter(({ reason }) => /^(Suspended|Resumed)$/.test(reason)).map(({ note }) => note)).toEqual(
      expect.arrayContaining(['web is suspended by anna: drift', 'web is resumed by ben']),
    );
  });
});
