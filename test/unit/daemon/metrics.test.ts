import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { parse } from 'yaml';
import { COMMANDS } from '../../../src/cli/commands.ts';
import { CODES } from '../../../src/controller/codes.ts';
import { Metrics } from '../../../src/daemon/metrics/metrics.ts';
import { address, assignment, device, domain, entry, observed, source } from '../../world.ts';
import { CHECKOUT } from '../cli/captured-shell.ts';
import { get, lookAt, served } from './api/served.ts';
import { tempLayout } from './temp-layout.ts';

const NIC = '0000:03:00.0';
const HOSTILE = 'a"} 1\nxenpci_forged{x="';
const BIND = { verb: 'bind', device: address(NIC) } as const;

const look = () =>
  lookAt(
    observed(
      [device(NIC, { at: 'host' }), device('0000:04:00.0', { at: 'guest', domid: 1, domain: HOSTILE })],
      [domain(HOSTILE, { domid: 1 })],
    ),
    source([
      assignment(HOSTILE, HOSTILE, [entry('lan', NIC)]),
      assignment('web', 'none', [entry('lan', '0000:05:00.0')]),
    ]),
  );

function filled(): Metrics {
  const metrics = new Metrics('1.2.3');
  metrics.hearReport({ type: 'StepPerformed', step: BIND, askedBy: [], durationMs: 400 });
  metrics.hearReport({ type: 'StepFailed', step: BIND, askedBy: [], durationMs: 1, error: HOSTILE, retryAt: 0 });
  metrics.hearReport({
    type: 'ManifestProblems',
    problems: [{ file: HOSTILE, line: 1, column: 1, code: 'Syntax', field: '', message: HOSTILE, excerpt: '' }],
  });
  metrics.hearPass({ durationMs: 40, backingOff: 2, look: look() });
  metrics.hearPass({ durationMs: 40, backingOff: 2 });
  metrics.hearHint('libvirt connected again');
  metrics.hearHint(`${HOSTILE} started`);
  return metrics;
}

describe('metrics', () => {
  test('say where devices are, how assignments stand, and what became of steps and passes', async () => {
    const { text } = await filled().text();
    const lines = text.split('\n').filter(line => !line.startsWith('#') && !/_(bucket|sum|count)/.test(line));
    expect(lines.filter(line => !/timestamp|build_info/.test(line))).toMatchInlineSnapshot(`
      [
        "xenpci_devices{place="host"} 1",
        "xenpci_devices{place="assignable"} 0",
        "xenpci_devices{place="guest"} 1",
        "xenpci_devices{place="missing"} 0",
        "",
        "xenpci_assignments{ready="False",reason="Progressing"} 1",
        "xenpci_assignments{ready="False",reason="DeviceMissing"} 1",
        "",
        "xenpci_waits{kind="wait",reason="DeviceMissing"} 1",
        "",
        "xenpci_waits_overdue 0",
        "",
        "xenpci_devices_diverged 0",
        "",
        "xenpci_manifest_problems{code="Syntax"} 1",
        "",
        "xenpci_backoffs 2",
        "",
        "",
        "xenpci_steps_total{verb="bind",result="performed"} 1",
        "xenpci_steps_total{verb="bind",result="failed"} 1",
        "",
        "xenpci_passes_total{result="looked"} 1",
        "xenpci_passes_total{result="failed"} 1",
        "",
        "xenpci_reconnects_total{peer="xenstore"} 0",
        "xenpci_reconnects_total{peer="libvirt"} 1",
        "",
        "",
        "",
        "",
      ]
    `);
    expect(text).toMatch(/^xenpci_build_info\{version="1\.2\.3",node="\d+\.\d+\.\d+"\} 1$/m);
    expect(text).toMatch(/^xenpci_last_full_pass_timestamp_seconds \d{10}(\.\d+)?$/m);
    expect(text).toContain('xenpci_step_duration_seconds_bucket{le="0.5",verb="bind"} 2');
  });

  test('have no name in them that somebody gave to something', async () => {
    expect((await filled().text()).text).not.toContain('forged');
  });

  test('every one has a help text, a known unit, and no series too many', async () => {
    const { text } = await filled().text();
    const names = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)];
    for (const [, name = '', type] of names) {
      expect(name).toMatch(/^xenpci_[a-z_]+$/);
      expect(text).toMatch(new RegExp(`^# HELP ${name} [A-Z].*\\.$`, 'm'));
      if (type === 'counter') expect(name).toMatch(/_total$/);
      if (type === 'histogram') expect(name).toMatch(/_seconds$/);
    }
    expect(names.length).toBeGreaterThan(12);
  });

  test('the sample alerts and the dashboard ask for metrics that there are', async () => {
    const { text } = await filled().text();
    const known = new Set([...text.matchAll(/^(xenpci_[a-z_]+)/gm)].map(match => match[1]));
    const folder = join(CHECKOUT, 'manifests/monitoring');
    const files = readdirSync(folder);
    expect(files.sort()).toEqual(['alerts.yaml', 'dashboard.json']);
    for (const file of files) {
      const content = readFileSync(join(folder, file), 'utf8');
      expect(file.endsWith('.json') ? JSON.parse(content) : parse(content)).toBeTypeOf('object');
      const used = [...content.matchAll(/xenpci_[a-z_]+/g)].map(match => match[0]);
      expect(used.filter(name => !known.has(name))).toEqual([]);
      expect(used.length).toBeGreaterThan(5);
    }
  });

  test('the sample alerts ask by labels that there are, for reasons that there are, and name commands that there are', async () => {
    const { text } = await filled().text();
    const alerts = readFileSync(join(CHECKOUT, 'manifests/monitoring/alerts.yaml'), 'utf8');
    const selectors = [...alerts.matchAll(/(xenpci_[a-z_]+)\{(\w+)="(\w+)"\}/g)];
    expect(selectors.length).toBeGreaterThan(3);
    for (const [, metric = '', label = '', value = ''] of selectors) {
      expect(text).toMatch(new RegExp(`^${metric}\\{[^}]*\\b${label}="`, 'm'));
      if (label === 'reason') expect(CODES).toHaveProperty(value);
    }
    const commands = COMMANDS.map(({ name }) => name);
    const calls = [...alerts.matchAll(/[:;] xenpci ([a-z-]+)/g)].map(match => match[1]);
    expect(calls.length).toBeGreaterThan(5);
    for (const call of calls) expect(commands).toContain(call);
  });

  test('are in a file that is replaced as a whole, and readable by node_exporter', async () => {
    const folder = tempLayout().root;
    const file = join(folder, 'xenpci.prom');
    const { pass, close } = await served({ metricsFile: file });
    pass(look());
    await close();
    expect(readFileSync(file, 'utf8')).toContain('xenpci_devices{place="host"} 1');
    expect(statSync(file).mode & 0o777).toBe(0o644);
    expect(readdirSync(folder)).toEqual(['xenpci.prom']);
  });

  test('a file that cannot be written is told of once', async () => {
    const folder = tempLayout().root;
    writeFileSync(join(folder, 'no-folder'), '');
    const { pass, close, warnings } = await served({ metricsFile: join(folder, 'no-folder/xenpci.prom') });
    pass(look());
    await vi.waitFor(() => expect(warnings).toHaveLength(1));
    pass(look());
    await close();
    expect(warnings).toHaveLength(1);
  });

  test('are on the socket, and on a loopback port when asked for, with nothing else beside them', async () => {
    const port = await freePort();
    const { get: ask, pass } = await served({ metricsPort: port });
    pass(look());
    const { code, type, text } = await ask('/metrics');
    expect([code, type]).toEqual([200, 'text/plain; version=0.0.4; charset=utf-8']);
    expect((await get({ port }, '/metrics')).text.split('\n')[0]).toBe(text.split('\n')[0]);
    expect((await get({ port }, '/v1/devices')).code).toBe(404);
  });

  test('a port that somebody has is told of, and the API is there all the same', async () => {
    const taken = createServer();
    await new Promise<void>(resolve => taken.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void taken.close());
    const { port } = taken.address() as { port: number };
    const { get: ask, warnings } = await served({ metricsPort: port });
    expect(warnings.join()).toContain(`metrics at 127.0.0.1:${port} cannot be served: `);
    expect((await ask('/healthz')).code).toBe(200);
  });
});

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise(resolve => server.close(resolve));
  return port;
}
