import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import {
  controlSocket,
  observe,
  PathTooLongError,
  type SimulatedDom0,
  startSimulatedDom0,
} from '../../../src/simulator/index.ts';
import { libvirt, running, xenstore } from './running.ts';
import { NIC } from './world.ts';

/** Sends one command to a running simulation, as another program would. */
async function command(dom0: SimulatedDom0, line: string): Promise<Record<string, unknown>> {
  const socket = connect(controlSocket(dom0.layout));
  socket.write(`${line}\n`);
  const [answer] = (await once(socket, 'data')) as [Buffer];
  socket.destroy();
  return JSON.parse(answer.toString());
}

test('a root folder whose sockets would have too long a path is refused, and nothing is made', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sim-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const root = join(folder, 'x'.repeat(90));
  await expect(startSimulatedDom0({ root })).rejects.toThrow(PathTooLongError);
  await expect(startSimulatedDom0({ root })).rejects.toThrow('take a shorter root folder');
  expect(readdirSync(folder)).toEqual([]);
});

test('it can be stopped, and started again in the same folder', async () => {
  const dom0 = await running();
  const client = await xenstore(dom0);
  await libvirt(dom0).connect();
  await dom0.stop();
  await dom0.stop();
  const sockets = ['run/xenstored', 'run/libvirt', 'run'].flatMap(path => readdirSync(join(dom0.layout.root, path)));
  expect(sockets.sort()).toEqual(['libvirt', 'udev', 'xenstored']);
  const again = await startSimulatedDom0({ root: dom0.layout.root });
  expect(await client.read('/local/domain/1/name')).toBe('sys-net');
  await client.close();
  await again.stop();
});

test('takes commands over its socket', async () => {
  const dom0 = await running();
  expect(await command(dom0, '{"command":"start","domain":"media"}')).toEqual({ result: null });
  expect(observe(dom0.model).domains.find(({ name }) => name === 'media')?.state).toBe('running');
  expect(await command(dom0, '{"command":"unplug","device":"01:00.0"}')).toEqual({ result: null });
  expect(observe(dom0.model).devices.has(NIC)).toBe(false);
  expect(await command(dom0, '{"command":"plug","device":"01:00.0"}')).toEqual({ result: true });
  await command(dom0, '{"command":"fault","fault":{"operation":"bind","times":3}}');
  expect(dom0.faults.pending).toBe(3);
  expect(await command(dom0, '{"command":"look"}')).toMatchObject({ result: { violations: [] } });
});

test.each([
  'nonsense',
  '{"command":"explode"}',
  '{"command":"start","domain":"nobody"}',
  '{"command":"unplug","device":"x"}',
])('answers %s with an error', async line => {
  expect(await command(await running(), line)).toEqual({ error: expect.any(String) });
});
