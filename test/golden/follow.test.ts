import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { runProgram } from '../../src/cli/program.ts';
import { socketPath } from '../../src/daemon/api/socket-file.ts';
import { type CapturedShell, capturedShell } from '../unit/cli/captured-shell.ts';
import { run } from './on-screen.ts';
import { type SimulatedHost, simulatedHost } from './simulated-host.ts';

const NIC = '0000:01:00.0';

function manifest(domain: string): string {
  return `apiVersion: xenpci.dev/v1alpha1\nkind: PCIAssignment\nmetadata: {name: web}\nspec:\n  domain: ${domain}\n  devices:\n    - {name: lan, address: "${NIC}"}\n`;
}

let host: SimulatedHost;
const running: { shell: CapturedShell; done: Promise<number> }[] = [];

/** Starts the program, which goes on until it is stopped. */
function start(...args: string[]): CapturedShell {
  const shell = capturedShell({ env: { XENPCI_ROOT: host.root } });
  running.push({ shell, done: runProgram(args, shell) });
  return shell;
}

async function stop(shell: CapturedShell): Promise<number | undefined> {
  shell.stop();
  return running.find(one => one.shell === shell)?.done;
}

const xenpci = (...args: string[]) => run(args, { env: { XENPCI_ROOT: host.root } });
const idsOf = (text: string): number[] =>
  text
    .split('\n')
    .filter(line => line !== '')
    .map(line => (JSON.parse(line) as { id: number }).id);
const kept = (): number[] => idsOf(readFileSync(join(host.dom0.layout.state, 'events.jsonl'), 'utf8'));
const soon = (assertion: () => void | Promise<void>) => vi.waitFor(assertion, { timeout: 60_000 });

/** Follows the events as any client may. */
async function followed(): Promise<IncomingMessage> {
  const asked = request({
    socketPath: socketPath(host.dom0.layout),
    path: '/v1/events',
    host: 'xenpci',
    headers: { accept: 'text/event-stream' },
    agent: false,
  });
  asked.end();
  const [message] = (await once(asked, 'response')) as [IncomingMessage];
  message.on('error', () => undefined);
  return message.resume();
}

async function codeOf(answer: Promise<IncomingMessage>): Promise<number | undefined> {
  const message = await answer;
  message.destroy();
  return message.statusCode;
}

beforeEach(async () => {
  host = await simulatedHost();
  host.write('web.yaml', manifest('nobody'));
});
afterEach(async () => {
  const ending = running.splice(0);
  for (const { shell } of ending) shell.stop();
  await Promise.all(ending.map(({ done }) => done));
  await host.end();
});

describe('beside a controller that is started anew', { timeout: 180_000 }, () => {
  test('events -w shows each event once, whoever writes it', async () => {
    const first = start('run', '--log', 'json');
    await soon(() => expect(first.out()).toContain('"web"'));
    const events = start('events', '-w', '-o', 'json');
    await soon(() => expect(idsOf(events.out()).length).toBeGreaterThan(0));
    host.write('web.yaml', manifest('sys-net'));
    await soon(() => expect(events.out()).toContain(`attach ${NIC} to sys-net`));
    await stop(first);

    // Nobody serves events now.
    host.write('web.yaml', manifest('storage'));
    expect((await xenpci('reconcile', '--once')).code).toBe(0);
    await soon(() => expect(events.out()).toContain(`attach ${NIC} to storage`));

    const second = start('run', '--log', 'json');
    host.write('web.yaml', manifest('media'));
    await soon(() => expect(events.out()).toContain(`detach ${NIC} from storage`));
    await stop(second);
    await soon(() => expect(idsOf(events.out()).at(-1)).toBe(kept().at(-1)));
    expect(await stop(events)).toBe(0);
    expect(idsOf(events.out())).toEqual(kept());
    expect(events.err()).toBe('');
  });

  test('events -w says why the controller does not serve it, once, and shows them all the same', async () => {
    start('run', '--log', 'json');
    await soon(async () => expect(await codeOf(followed())).toBe(200));
    const streams: IncomingMessage[] = [];
    await soon(async () => {
      streams.push(await followed());
      expect(streams.at(-1)?.statusCode).toBe(503);
    });
    const events = start('events', '-w', '-o', 'json');
    const why = 'the controller answers with code 503: 16 follow the events already';
    await soon(() => expect(events.err()).toContain(why));
    host.write('web.yaml', manifest('sys-net'));
    await soon(() => expect(events.out()).toContain(`attach ${NIC} to sys-net`));
    // Where one of them leaves there is room: it takes that, and others find none.
    streams[0]?.destroy();
    await soon(async () => expect(await codeOf(followed())).toBe(503));
    host.write('web.yaml', manifest('storage'));
    await soon(() => expect(events.out()).toContain(`attach ${NIC} to storage`));
    for (const stream of streams) stream.destroy();
    expect(await stop(events)).toBe(0);
    expect(events.err().split(why)).toHaveLength(2);
    expect(idsOf(events.out())).toEqual(kept().slice(0, idsOf(events.out()).length));
  });

  test('wait goes on, and keeps to its time', async () => {
    const first = start('run', '--log', 'json');
    await soon(() => expect(first.out()).toContain('"web"'));
    const met = xenpci('wait', 'web', '--for', 'condition=Ready', '--timeout', '100');
    const late = xenpci('wait', 'web', '--for', 'condition=Ready', '--timeout', '3');
    await stop(first);
    const second = start('run', '--log', 'json');
    expect((await late).code).toBe(1);
    expect((await late).err).toMatch(/^timed out waiting for assignment\/web: [A-Za-z]/);
    host.write('web.yaml', manifest('sys-net'));
    expect(await met).toEqual({ code: 0, out: 'assignment/web condition met\n', err: '' });
    await stop(second);
  });

  test('wait does not count what was true of earlier content', async () => {
    host.write('web.yaml', manifest('sys-net'));
    const controller = start('run', '--log', 'json');
    await soon(() => expect(controller.out()).toContain('StepPerformed'));
    expect((await xenpci('wait', 'web', '--for', 'condition=Ready', '--timeout', '60')).code).toBe(0);
    for (let turn = 0; turn < 3; turn++) {
      host.write('web.yaml', manifest('nobody'));
      // It cannot come true any more; the controller's last look still says that it is.
      expect((await xenpci('wait', 'web', '--for', 'condition=Ready', '--timeout', '0.5')).code).toBe(1);
      host.write('web.yaml', manifest('sys-net'));
      expect((await xenpci('wait', 'web', '--for', 'condition=Ready', '--timeout', '60')).code).toBe(0);
    }
  });
});
