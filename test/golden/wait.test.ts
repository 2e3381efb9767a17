import { rmSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { inOneLine, run } from './on-screen.ts';
import { type SimulatedHost, simulatedHost } from './simulated-host.ts';

const NIC = '0000:01:00.0';

function manifest(name: string, domain: string): string {
  return `apiVersion: xenpci.dev/v1alpha1\nkind: PCIAssignment\nmetadata: {name: ${name}}\nspec:\n  domain: ${domain}\n  devices:\n    - {name: lan, address: "${NIC}"}\n`;
}

let host: SimulatedHost;
beforeAll(async () => {
  host = await simulatedHost();
  host.write('keep.yaml', '# Nothing is desired.\n');
});
afterAll(() => host.end());

const xenpci = (...args: string[]) => run(args, { env: { XENPCI_ROOT: host.root } });

describe('wait', { timeout: 120_000 }, () => {
  test('ends when a condition comes true, and when an assignment is gone with all it held', async () => {
    const path = host.write('web.yaml', manifest('web', 'sys-net'));
    const ready = xenpci('wait', 'web', '--for', 'condition=Ready', '--timeout', '60');
    const settled = xenpci('wait', 'assignment/web', '--for', 'condition=Reconciling=False', '--timeout', '60');
    expect((await xenpci('reconcile', '--once')).code).toBe(0);
    expect(await ready).toEqual({ code: 0, out: 'assignment/web condition met\n', err: '' });
    expect((await settled).code).toBe(0);

    const gone = xenpci('wait', 'web', '--for', 'delete', '--timeout', '60');
    rmSync(path);
    expect((await xenpci('reconcile', '--once')).code).toBe(0);
    expect(await gone).toEqual({ code: 0, out: 'assignment/web deleted\n', err: '' });
  });

  test('says what it is about when the time is up', async () => {
    host.write('web.yaml', manifest('web', 'nobody'));
    const { code, out, err } = await xenpci('wait', 'web', '--for', 'condition=ready', '--timeout', '0.2');
    expect([code, out]).toEqual([1, '']);
    expect(inOneLine(err)).toBe(
      'timed out waiting for assignment/web: Ready is False: DomainNotFound: lan: there is no domain nobody; define it or correct spec.domain',
    );
  });

  test('refuses what there is not', async () => {
    expect(inOneLine((await xenpci('wait', 'none', '--for', 'condition=Ready')).err)).toBe(
      `error: there is no assignment "none" in ${host.dom0.layout.manifests}; xenpci get assignments lists all`,
    );
    const wrong = await xenpci('wait', 'web', '--for', 'jsonpath={.status}');
    expect(wrong.code).toBe(2);
    expect(inOneLine(wrong.err)).toContain(
      'It must be condition=Ready, condition=Stalled=False or the like, or delete.',
    );
  });
});
