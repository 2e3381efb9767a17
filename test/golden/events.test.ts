import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { runProgram } from '../../src/cli/program.ts';
import { capturedShell, run as runCaptured } from '../unit/cli/captured-shell.ts';
import { address } from '../world.ts';
import { inOneLine, run } from './on-screen.ts';
import { type SimulatedHost, simulatedHost } from './simulated-host.ts';

const NIC = '0000:01:00.0';
const MANIFEST = `apiVersion: xenpci.dev/v1alpha1
kind: PCIAssignment
metadata: {name: web}
spec:
  domain: sys-net
  deletionPolicy: Host
  devices:
    - {name: lan, address: "${NIC}"}
`;

let host: SimulatedHost;
beforeAll(async () => {
  host = await simulatedHost();
  host.write('keep.yaml', '# Nothing is desired.\n');
  host.write('web.yaml', MANIFEST);
});
afterAll(() => host.end());

const xenpci = (...args: string[]) => run(args, { env: { XENPCI_ROOT: host.root } });
const golden = (text: string): string =>
  host
    .golden(text)
    .replaceAll(/^\d+s +/gm, 'AGE ')
    .replaceAll(/content [0-9a-f]{16}/g, 'content HASH');

// Each runs the program several times, on a machine that may be busy.
describe('events', { timeout: 120_000 }, () => {
  test('tell of each attempt once, with what asked for it, and go on after a restart', async () => {
    host.dom0.faults.add({ operation: 'bind', device: address(NIC), kind: 'refused' });
    expect((await xenpci('reconcile', '--once')).code).toBe(0);
    host.write('web.yaml', '# Gone.\n');
    expect((await xenpci('reconcile', '--once')).code).toBe(0);
    const { code, out, err } = await xenpci('events', '--for', `device/${NIC}`, '-o', 'wide');
    expect([code, err]).toEqual([0, '']);
    expect(golden(out)).toMatchInlineSnapshot(`
      "SEEN   TYPE      REASON          OBJECT                MESSAGE                                                                                                                           ASKED BY
      AGE Normal    StepPerformed   domain/sys-net        configure sys-net: add 0000:01:00.0                                                                                               web/lan (/m/web.yaml:8, content HASH)
      AGE Warning   StepFailed      device/0000:01:00.0   bind 0000:01:00.0 to pciback: xl pci-assignable-add 0000:01:00.0 failed with exit code 1: libxl: error: injected fault: refused   web/lan (/m/web.yaml:8, content HASH)
      AGE Normal    StepPerformed   device/0000:01:00.0   bind 0000:01:00.0 to pciback                                                                                                      web/lan (/m/web.yaml:8, content HASH)
      AGE Normal    StepPerformed   device/0000:01:00.0   attach 0000:01:00.0 to sys-net                                                                                                    web/lan (/m/web.yaml:8, content HASH)
      AGE Normal    StepPerformed   domain/sys-net        configure sys-net: remove 0000:01:00.0                                                                                            web/lan, whose entry is gone
      AGE Normal    StepPerformed   device/0000:01:00.0   detach 0000:01:00.0 from sys-net                                                                                                  web/lan, whose entry is gone
      AGE Normal    StepPerformed   device/0000:01:00.0   release 0000:01:00.0 to the host                                                                                                  web/lan, whose entry is gone
      "
    `);
    const lines = readFileSync(join(host.dom0.layout.state, 'events.jsonl'), 'utf8').trimEnd().split('\n');
    expect(lines.map(line => (JSON.parse(line) as { id: number }).id)).toEqual(lines.map((_, index) => index + 1));
  });

  test('fit 80 columns, and as a list for programs have what asked', async () => {
    const { out } = await xenpci('events', '--for', 'assignment/web');
    for (const line of out.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
    const { items } = JSON.parse((await xenpci('events', '-o', 'json')).out) as {
      items: { action: string; askedBy?: unknown[] }[];
    };
    expect(items.find(({ action }) => action === 'Attach')?.askedBy).toEqual([
      expect.objectContaining({
        assignment: 'web',
        entry: 'lan',
        file: join(host.dom0.layout.manifests, 'web.yaml'),
        line: 8,
        hash: expect.stringMatching(/^[0-9a-f]{16}$/),
      }),
    ]);
    expect(items.find(({ action }) => action === 'Release')?.askedBy).toEqual([{ assignment: 'web', entry: 'lan' }]);
  });

  test('are in the report, the latest first', async () => {
    const { out } = await runCaptured(['report'], { env: { XENPCI_ROOT: host.root } });
    const told = [...out.matchAll(/(?:bind|attach|detach|release) 0000:01:00\.0 [a-z-]+ ?[a-z-]*/g)].map(
      match => match[0],
    );
    expect(out).toContain('What happened');
    expect(told.indexOf(`release ${NIC} to the`)).toBeGreaterThanOrEqual(0);
    expect(told.indexOf(`release ${NIC} to the`)).toBeLessThan(told.indexOf(`attach ${NIC} to sys-net`));
  });

  test('-w shows what comes, and ends with a signal', async () => {
    const shell = capturedShell({ env: { XENPCI_ROOT: host.root } });
    const done = runProgram(['events', '-w', '--for', 'domain/sys-net'], shell);
    await vi.waitFor(() => expect(shell.out()).toContain('detach'), { timeout: 60_000 });
    const before = shell.out().split('\n').length;
    host.write('web.yaml', MANIFEST);
    expect((await xenpci('reconcile', '--once')).code).toBe(0);
    await vi.waitFor(
      () =>
        expect(
          shell
            .out()
            .split('\n')
            .slice(before - 1)
            .join('\n'),
        ).toMatch(/Z {2}Normal {3}StepPerformed .*attach/),
      { timeout: 60_000 },
    );
    shell.stop();
    expect(await done).toBe(0);
  });

  test('an object that is none is refused; a host without events says so', async () => {
    const wrong = await xenpci('events', '--for', 'pod/x');
    expect([wrong.code, wrong.out]).toEqual([2, '']);
    expect(inOneLine(wrong.err)).toContain('It must be an object, such as device/0000:03:00.0 or assignment/sys-net.');
    const none = await xenpci('events', '--for', 'device/0000:77:00.0');
    expect(none).toEqual({ code: 0, out: '', err: 'No events.\n' });
  });
});
