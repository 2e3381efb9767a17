import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { build } from 'esbuild';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { XenstoreClient } from '../../src/xenstore-client/index.ts';
import { EventLog } from './event-log.ts';
import { Xenstored } from './xenstored.ts';

/*
 * /dev/xen/xenbus exists only on Xen. A terminal in raw mode stands in for it: a character device too, opened once for
 * reading and writing, whose reads block. `socat` carries its bytes to a real xenstored. What it cannot show is the
 * kernel's own handling of watches and transactions.
 */
let folder: string;
let device: string;
let daemon: Xenstored;
let bridge: ChildProcess | undefined;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'xenbus-'));
  device = join(folder, 'xenbus');
  daemon = await Xenstored.start('xenstored');
  await startBridge();
});

afterEach(async () => {
  await stopBridge();
  await daemon.stop();
  rmSync(folder, { recursive: true });
});

/** Resolves when the device can be opened: socat says so once it begins to carry bytes. */
async function startBridge(): Promise<void> {
  const terminal = `PTY,link=${device},rawer`;
  const child = spawn('socat', ['-d', '-d', terminal, `UNIX-CONNECT:${daemon.socketPath}`], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  bridge = child;
  for await (const line of createInterface(child.stderr)) {
    if (line.includes('starting data transfer loop')) break;
  }
  child.stderr.resume();
}

async function stopBridge(): Promise<void> {
  if (!bridge || bridge.exitCode !== null || bridge.signalCode !== null) return;
  const gone = once(bridge, 'exit');
  bridge.kill('SIGKILL');
  await gone;
}

function connect(): Promise<XenstoreClient> {
  const socketPath = join(folder, 'no-socket');
  return XenstoreClient.connect({ socketPath, devicePath: device, backoff: { firstMs: 5, longestMs: 20 } });
}

test('takes the device when there is no socket', async () => {
  const client = await connect();
  const events = new EventLog<string>();
  await client.watch('/test', ({ path }) => events.add(path));
  await Promise.all(Array.from({ length: 300 }, (_, index) => client.write(`/test/${index}`, 'x'.repeat(200))));
  expect(await client.directory('/test')).toHaveLength(300);
  await client.transaction(transaction => transaction.write('/test/0', 'committed'));
  expect(await client.read('/test/0')).toBe('committed');
  await events.until(path => path === '/test/299');
  await expect(client.write('/test/a', 'x'.repeat(4085))).rejects.toMatchObject({ name: 'InvalidRequestError' });
  await client.close();
});

test('opens the device again when it fails', async () => {
  const client = await connect();
  const reconnections = new EventLog<true>();
  client.onReconnect(() => reconnections.add(true));
  const causes = new EventLog<Error>();
  client.onDisconnect(causes.add);
  await client.write('/test/a', '1');
  await stopBridge();
  await causes.until(() => true);
  await startBridge();
  expect(await client.read('/test/a')).toBe('1');
  expect(reconnections.values).toHaveLength(1);
  await client.close();
});

test('leaves no reader behind when it is closed', async () => {
  const client = await connect();
  await client.write('/test/a', '1');
  const [reader] = children(process.pid);
  expect(reader).toBeDefined();
  await client.close();
  expect(children(process.pid)).not.toContain(reader);
});

test.each([
  ['exits', 'process.exit(0)'],
  ['is killed', "process.kill(process.pid, 'SIGKILL')"],
])('ends at once, its reader too, when the process %s', async (_how, end) => {
  const program = join(folder, 'program.mjs');
  const source = `
    import { XenstoreClient } from './src/xenstore-client/index.ts';
    const client = await XenstoreClient.connect({ socketPath: '/nonexistent', devicePath: ${JSON.stringify(device)} });
    await client.write('/test/a', '1');
    process.stdin.once('data', () => ${end});
    process.stdout.write('ready');
  `;
  await build({
    stdin: { contents: source, resolveDir: process.cwd() },
    bundle: true,
    platform: 'node',
    format: 'esm',
    outfile: program,
    logLevel: 'silent',
  });
  const child = spawn(process.execPath, [program], { stdio: ['pipe', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  const [reader] = children(child.pid ?? 0);
  expect(reader).toBeDefined();
  const exited = once(child, 'exit');
  child.stdin.write('end');
  await exited;
  await vi.waitFor(() => expect(isRunning(reader ?? '')).toBe(false));
});

/** The ids of the processes that a process has started, this file's own ones left out. */
function children(parent: number): string[] {
  const ids = readFileSync(`/proc/${parent}/task/${parent}/children`, 'utf8').split(' ');
  return ids.filter(id => id !== '' && readFileSync(`/proc/${id}/comm`, 'utf8') === 'cat\n');
}

/** A zombie has ended, though nobody has asked for its exit code yet. */
function isRunning(id: string): boolean {
  return existsSync(`/proc/${id}/stat`) && !/\) Z /.test(readFileSync(`/proc/${id}/stat`, 'utf8'));
}
