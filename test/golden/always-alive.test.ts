import { mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { runProgram } from '../../src/cli/program.ts';
import { InventoryFile } from '../../src/daemon/inventory-file.ts';
import { type CapturedShell, capturedShell } from '../unit/cli/captured-shell.ts';
import { address } from '../world.ts';
import { type SimulatedHost, simulatedHost } from './simulated-host.ts';

const NIC = '0000:01:00.0';
const PATIENCE = { timeout: 60_000 };
const MANIFEST = `apiVersion: xenpci.dev/v1alpha1
kind: PCIAssignment
metadata: {name: sys-net}
spec: {domain: sys-net, devices: [{name: lan, address: "${NIC}"}]}
`;

/** Whatever is written there, the disk is full: full(4). */
const FULL = '/dev/full';

let host: SimulatedHost;
let shell: CapturedShell;
let running: Promise<number> | undefined;

beforeEach(async () => {
  host = await simulatedHost();
  host.write('sys-net.yaml', MANIFEST);
  mkdirSync(host.dom0.layout.state, { recursive: true });
  mkdirSync(host.dom0.layout.runtime, { recursive: true });
});
afterEach(async () => {
  shell.stop();
  await running;
  running = undefined;
  await host.end();
});

function start(): void {
  shell = capturedShell({ env: { XENPCI_ROOT: host.root } });
  running = runProgram(['run', '--log', 'json', '--resync', '1'], shell);
}

function has(guest: string, device: string): boolean {
  const { instance } = host.dom0.model.domain(guest);
  return instance?.live.hostdevs.some(each => each.address === device) === true;
}

/** The log so far, each line in its own words. */
function said(): string {
  return `${shell.out()}${shell.err()}`;
}

describe('a controller', { timeout: 120_000 }, () => {
  test.each([
    ['xenstored', ['xenstored']],
    ['libvirtd', ['libvirtd']],
    ['both', ['xenstored', 'libvirtd']],
  ] as const)('that starts before %s waits, says so, and does its work when that is there', async (_, daemons) => {
    for (const daemon of daemons) await host.dom0[daemon].down();
    start();
    await vi.waitFor(() => expect(said()).toMatch(/cannot (?:reach|read) (?:libvirt|xenstore)/), PATIENCE);
    expect(host.dom0.model.dom0.present(address(NIC))?.driver).toBe('e1000e');
    for (const daemon of daemons) await host.dom0[daemon].up();
    await vi.waitFor(() => expect(has('sys-net', NIC)).toBe(true), PATIENCE);
  });

  test('whose record cannot be written takes no step, says why, and goes on as soon as it can', async () => {
    const { path } = new InventoryFile(host.dom0.layout);
    symlinkSync(FULL, `${path}.new`);
    start();
    await vi.waitFor(() => expect(said()).toMatch(/the record of held devices cannot be written: ENOSPC/), PATIENCE);
    expect(host.dom0.model.dom0.present(address(NIC))?.driver).toBe('e1000e');
    expect(has('sys-net', NIC)).toBe(false);
    rmSync(`${path}.new`);
    await vi.waitFor(() => expect(has('sys-net', NIC)).toBe(true), PATIENCE);
    expect((await new InventoryFile(host.dom0.layout).load()).has(address(NIC))).toBe(true);
  });

  test('with a full disk for everything else works all the same, and lets go of nothing', async () => {
    const { state, runtime } = host.dom0.layout;
    symlinkSync(FULL, join(state, 'events.jsonl'));
    symlinkSync(FULL, join(state, 'last-good.json.new'));
    symlinkSync(FULL, join(runtime, 'status.json.new'));
    start();
    await vi.waitFor(() => expect(has('sys-net', NIC)).toBe(true), PATIENCE);
    expect(said()).toMatch(/ENOSPC/);
    host.write('sys-net.yaml', 'spec: [');
    await vi.waitFor(() => expect(said()).toMatch(/"ManifestProblem|Syntax/), PATIENCE);
    expect(has('sys-net', NIC)).toBe(true);
  });

  test('that is told to stop while a step hangs ends with it, and leaves the host to the next', async () => {
    host.dom0.faults.add({ operation: 'attach', device: address(NIC), delayMs: 2_000, times: 1 });
    start();
    await vi.waitFor(() => expect(said()).toMatch(/attach 0000:01:00.0 to sys-net/), PATIENCE);
    shell.stop();
    expect(await running).toBe(0);
    start();
    await vi.waitFor(() => expect(said()).toMatch(/sys-net is ready/), PATIENCE);
    expect(has('sys-net', NIC)).toBe(true);
  });
});
