import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, test, vi } from 'vitest';
import type { Status } from '../../../src/controller/status-types.ts';
import { readLiveStatus, StatusFile } from '../../../src/daemon/status-file.ts';
import { markOf } from '../../../src/host/process-mark.ts';
import { tempLayout } from './temp-layout.ts';

function status(observedAt: string): Status {
  return { observedAt, assignments: [], devices: [], problems: [] };
}

const nothing = (): void => undefined;

describe('StatusFile', () => {
  test('what was published last is read back, with its writer', async () => {
    const layout = tempLayout();
    const file = new StatusFile(layout, '/manifests', nothing);
    for (let index = 0; index < 100; index += 1) file.publish(status(`at ${index}`));
    await vi.waitFor(async () => {
      expect(await readLiveStatus(layout)).toEqual({
        writer: await markOf(process.pid),
        manifests: '/manifests',
        status: status('at 99'),
      });
    });
    expect(readdirSync(layout.runtime)).toEqual(['status.json']);
    await file.close();
    expect(await readLiveStatus(layout)).toBeUndefined();
    expect(readdirSync(layout.runtime)).toEqual([]);
  });

  test.each([
    ['a writer that is gone', { pid: 2 ** 22 + 1 }],
    ['another process with the same number', { startTicks: '1' }],
  ])('%s does not count', async (_, mark) => {
    const layout = tempLayout();
    const file = new StatusFile(layout, '/manifests', nothing);
    file.publish(status('now'));
    await vi.waitFor(async () => expect(await readLiveStatus(layout)).toBeDefined());
    const path = `${layout.runtime}/status.json`;
    const record = JSON.parse(readFileSync(path, 'utf8'));
    writeFileSync(path, JSON.stringify({ ...record, writer: { ...record.writer, ...mark } }));
    expect(await readLiveStatus(layout)).toBeUndefined();
    writeFileSync(path, JSON.stringify(record).slice(0, -5));
    expect(await readLiveStatus(layout)).toBeUndefined();
    await file.close();
  });

  test('where it cannot be written the work goes on, and it is said', async () => {
    const layout = tempLayout();
    writeFileSync(`${layout.root}/run`, '');
    const said: string[] = [];
    const file = new StatusFile(layout, '/manifests', message => said.push(message));
    file.publish(status('now'));
    await vi.waitFor(() => expect(said).toEqual([expect.stringMatching(/^the status cannot be written: ENOTDIR/)]));
  });
});
