import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type * as z from 'zod';
import { assignmentSchema } from '../../src/api/schema-assignment.ts';
import { deviceSchema } from '../../src/api/schema-device.ts';
import {
  assignmentStatusSchema,
  bootHideSchema,
  diagnosisSchema,
  domainSchema,
  eventSchema,
  planSchema,
} from '../../src/api/schema-shown.ts';
import { runProgram } from '../../src/cli/program.ts';
import { runXl } from '../../src/simulator/index.ts';
import { type CapturedShell, capturedShell, run } from '../unit/cli/captured-shell.ts';
import { type SimulatedHost, simulatedHost } from './simulated-host.ts';

let host: SimulatedHost;
let shell: CapturedShell;
let controller: Promise<unknown>;

/** An assignment for one device. */
function manifest(name: string, domain: string, device: string, more = ''): string {
  return `apiVersion: xenpci.dev/v1alpha1
kind: PCIAssignment
metadata: {name: ${name}}
spec:
  domain: ${domain}
  devices:
    - {name: card, address: "${device}"${more}}
`;
}

// What is in place, waits, is refused, is shared, goes to a domain that is off, and is no manifest.
beforeAll(async () => {
  host = await simulatedHost();
  host.write('web.yaml', manifest('web', 'sys-net', '0000:01:00.0'));
  host.write('waits.yaml', manifest('waits', 'legacy', '0000:03:00.0'));
  host.write('refused.yaml', manifest('refused', 'storage', '0000:00:1a.0'));
  host.write('gone.yaml', manifest('gone', 'storage', '0000:77:00.0'));
  host.write('first.yaml', manifest('first', 'storage', '0000:02:00.0', ', sharing: FirstStarted'));
  host.write('second.yaml', manifest('second', 'sys-net', '0000:02:00.0', ', sharing: FirstStarted'));
  host.write('off.yaml', manifest('off', 'media', '0000:05:00.0'));
  host.write('broken.yaml', 'kind: PCIAssignment\n');
  // An orphan, and a device that only xl has given away.
  for (const argv of [
    ['pci-assignable-add', '0000:04:00.0'],
    ['pci-assignable-add', '0000:06:00.0'],
    ['pci-attach', 'sys-net', '0000:06:00.0'],
  ]) {
    expect(runXl(host.dom0.model, { argv, readConfig: () => '' }).status).toBe(0);
  }
  shell = capturedShell({ env: { XENPCI_ROOT: host.root } });
  controller = runProgram(['run', '--log', 'text'], shell);
  await vi.waitFor(() => expect(shell.out()).toContain('web is ready'), { timeout: 60_000 });
}, 120_000);
afterAll(async () => {
  shell.stop();
  expect(await controller).toBe(0);
  await host.end();
});

async function shown(...args: string[]): Promise<{ items: unknown[] }> {
  const { out } = await run([...args, '-o', 'json'], { env: { XENPCI_ROOT: host.root } });
  return JSON.parse(out) as { items: unknown[] };
}

async function served(path: string): Promise<unknown> {
  const socketPath = join(host.dom0.layout.runtime, 'api.sock');
  const asked = request({ socketPath, path }).end();
  const [response] = await once(asked, 'response');
  return JSON.parse(await text(response));
}

/** What a schema has to say against objects. */
function issues(schema: z.ZodType, objects: readonly unknown[]): unknown[] {
  expect(objects.length).toBeGreaterThan(0);
  return objects.flatMap(object => schema.safeParse(object).error?.issues ?? []);
}

describe('what is shown as JSON is what its schema says, and nothing else', { timeout: 60_000 }, () => {
  test('devices', async () => {
    expect(issues(deviceSchema, (await shown('get', 'devices')).items)).toEqual([]);
    expect(await served('/v1/devices')).toEqual(await shown('get', 'devices'));
  });

  test('assignments, which are manifests beside their status', async () => {
    const { items } = (await shown('get', 'assignments')) as { items: { status: unknown; spec?: unknown }[] };
    expect(items.length).toBe(7);
    expect(
      issues(
        assignmentStatusSchema,
        items.map(({ status }) => status),
      ),
    ).toEqual([]);
    const written = items.map(({ status: _, ...rest }) => rest);
    expect(issues(assignmentSchema, written)).toEqual([]);
  });

  test('one that is printed can be put back as it is, and asks for the same', async () => {
    const { out } = await run(['get', 'assignments', 'web', '-o', 'yaml'], { env: { XENPCI_ROOT: host.root } });
    const file = join(host.root, 'web.yaml');
    writeFileSync(file, out);
    expect(await run(['validate', file])).toMatchObject({ code: 0, out: '1 document is valid.\n' });
    const { code, out: told } = await run(['apply', file, '--dry-run'], { env: { XENPCI_ROOT: host.root } });
    expect([code, told.split('\n')[0]]).toEqual([0, 'assignment/web unchanged (dry run)']);
  });

  test('events', async () => {
    expect(issues(eventSchema, (await shown('events')).items)).toEqual([]);
  });

  test('domains and the plan', async () => {
    const { items } = (await served('/v1/domains')) as { items: unknown[] };
    expect(issues(domainSchema, items)).toEqual([]);
    expect(issues(planSchema, [await served('/v1/plan')])).toEqual([]);
  });

  test('doctor and boot-hide', async () => {
    expect(issues(diagnosisSchema, [await shown('doctor')])).toEqual([]);
    expect(issues(bootHideSchema, [await shown('boot-hide')])).toEqual([]);
  });
});
