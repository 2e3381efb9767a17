import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { observe, type SimulatedDom0, type XlResult } from '../../../src/simulator/index.ts';
import { running } from './running.ts';
import { NIC, NVME } from './world.ts';

/** Really runs the program in the root folder. */
function spawnXl({ layout }: SimulatedDom0, ...argv: string[]): Promise<XlResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(layout.xl, argv, { stdio: ['ignore', 'pipe', 'pipe'], cwd: layout.root });
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', text => (stdout += text));
    child.stderr.on('data', text => (stderr += text));
    child.on('error', reject);
    child.on('close', status => resolve({ status: status ?? -1, stdout, stderr }));
  });
}

test('ends and speaks as xl does', async () => {
  const dom0 = await running();
  expect(await spawnXl(dom0, 'pci-assignable-add', '0000:01:00.0')).toEqual({ status: 0, stdout: '', stderr: '' });
  expect(await spawnXl(dom0, 'pci-assignable-list')).toMatchObject({ stdout: '0000:01:00.0\n' });
  expect(await spawnXl(dom0, 'pci-attach', 'legacy', '01:00.0')).toMatchObject({ status: 1 });
  expect(await spawnXl(dom0, 'pci-attach', '1', '01:00.0')).toMatchObject({ status: 0 });
  const refused = await spawnXl(dom0, 'pci-assignable-remove', '-r', '01:00.0');
  expect(refused).toMatchObject({ status: 1, stderr: expect.stringContaining('failed to de-quarantine 0000:01:00.0') });
  expect(await spawnXl(dom0, 'nonsense')).toMatchObject({ status: 1 });
});

test('creates domains from a file, for libvirt not to see', async () => {
  const dom0 = await running();
  await dom0.xl.run(['pci-assignable-add', NVME], '/');
  writeFileSync(
    join(dom0.layout.root, 'red.cfg'),
    `name = "red"\ntype = 'pv'\nmemory = 128\npci = [ '02:00.0,permissive=1' ]\n`,
  );
  expect(await spawnXl(dom0, 'create', 'red.cfg')).toMatchObject({
    status: 0,
    stdout: 'Parsing config from red.cfg\n',
  });
  expect(observe(dom0.model).devices.get(NVME)?.place).toMatchObject({ domain: 'red' });
  expect(await spawnXl(dom0, 'create', 'absent.cfg')).toMatchObject({ status: 1 });
});

test('fails on command, in each of the ways', async () => {
  const dom0 = await running();
  const place = () => observe(dom0.model).devices.get(NIC)?.place.at;
  const bind = async () => (await dom0.xl.run(['pci-assignable-add', NIC], '/')).status;
  dom0.faults.add({ operation: 'bind', kind: 'refused' });
  expect([await bind(), place()]).toEqual([1, 'host']);
  dom0.faults.add({ operation: 'bind', device: NIC, kind: 'claimedButNotDone' });
  expect([await bind(), place()]).toEqual([0, 'host']);
  dom0.faults.add({ operation: 'bind', device: NVME, kind: 'refused' });
  dom0.faults.add({ operation: 'bind', kind: 'doneButFailed' });
  expect([await bind(), place()]).toEqual([1, 'assignable']);
  expect(dom0.faults.pending).toBe(1);
});

test('says so when the simulation has ended', async () => {
  const dom0 = await running();
  await dom0.stop();
  expect(await spawnXl(dom0, 'list')).toMatchObject({
    status: 1,
    stderr: expect.stringContaining('privileged command'),
  });
});
