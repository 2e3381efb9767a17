import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ApprovalFile } from '../../../src/daemon/approval-file.ts';
import type { Approval } from '../../../src/plan/approval.ts';
import { address } from '../../world.ts';
import { tempLayout } from './temp-layout.ts';

const FIRST: Approval = { device: address('0000:01:00.0'), uuid: 'u-1', domid: 3, until: 1_000 };
const SECOND: Approval = { ...FIRST, device: address('10000:02:00.0'), until: 3_000 };

describe('the file of approvals', () => {
  test('no file: nothing is approved', async () => {
    expect(await new ApprovalFile(tempLayout()).load()).toEqual([]);
  });

  test('adds to those that still hold, for its owner alone', async () => {
    const file = new ApprovalFile(tempLayout());
    await file.add([FIRST], 0);
    await file.add([SECOND], 500);
    expect(await file.load()).toEqual([FIRST, SECOND]);
    await file.add([], 2_000);
    expect(await file.load()).toEqual([SECOND]);
    expect(statSync(file.path).mode & 0o777).toBe(0o600);
  });

  test.each([
    '',
    '{',
    '[]',
    '{"version":2,"approvals":[]}',
    '{"version":1,"approvals":[{"device":"x","uuid":"","domid":1,"until":1}]}',
  ])('what cannot be used is refused, and replaced by the next approval: %j', async text => {
    const file = new ApprovalFile(tempLayout());
    mkdirSync(dirname(file.path), { recursive: true });
    writeFileSync(file.path, text);
    await expect(file.load()).rejects.toThrow(/the approvals in .* cannot be used.*approve once more/);
    await file.add([SECOND], 0);
    expect(await file.load()).toEqual([SECOND]);
  });

  test('whoever waits for an approval hears of it', async () => {
    const layout = tempLayout();
    let end: () => void = () => undefined;
    const heard = new Promise<void>(resolve => {
      end = new ApprovalFile(layout).onHint(resolve);
    });
    // The folder is watched a moment later: until then nobody hears.
    let stop = false;
    void heard.then(() => {
      stop = true;
    });
    while (!stop) {
      await new ApprovalFile(layout).add([FIRST], 0);
      await new Promise(resolve => setImmediate(resolve));
    }
    end();
  });
});
