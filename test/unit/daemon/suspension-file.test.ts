import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Suspension } from '../../../src/api/suspension.ts';
import { SuspensionFile, SuspensionsUnusableError } from '../../../src/daemon/suspension-file.ts';
import { tempLayout } from './temp-layout.ts';

const RED: Suspension = { assignment: 'red', since: 1_000, by: 'anna', reason: 'new driver' };
const BLUE: Suspension = { assignment: 'blue', since: 2_000, by: 'ben' };

function damaged(text: string): SuspensionFile {
  const file = new SuspensionFile(tempLayout());
  mkdirSync(dirname(file.path), { recursive: true });
  writeFileSync(file.path, text);
  return file;
}

describe('the file of suspensions', () => {
  test('no file: nothing is suspended', async () => {
    expect(await new SuspensionFile(tempLayout()).load()).toEqual({ suspended: [], resumed: [] });
  });

  test('keeps what is suspended until it is given back, and who gave it back, for its owner alone', async () => {
    const layout = tempLayout();
    const file = new SuspensionFile(layout);
    expect(await file.suspend(RED)).toEqual(RED);
    expect(await file.suspend(BLUE)).toEqual(BLUE);
    expect(statSync(file.path).mode & 0o777).toBe(0o600);
    expect(await file.suspend({ ...RED, since: 3_000, by: 'ben' }), 'the first word counts').toEqual(RED);
    expect(await file.resume(name => name === 'red', { at: 4_000, by: 'ben' })).toEqual([RED]);
    expect(await file.resume(name => name === 'red', { at: 5_000, by: 'ben' })).toEqual([]);
    expect(await new SuspensionFile(layout).load()).toEqual({
      suspended: [BLUE],
      resumed: [{ assignment: 'red', at: 4_000, by: 'ben' }],
    });
  });

  test('loses nobody who suspends at the same moment', async () => {
    const layout = tempLayout();
    const names = Array.from({ length: 8 }, (_, index) => `a${index}`);
    await Promise.all(names.map(assignment => new SuspensionFile(layout).suspend({ ...BLUE, assignment })));
    const loaded = await new SuspensionFile(layout).load();
    expect('suspended' in loaded && loaded.suspended.map(each => each.assignment).sort()).toEqual(names);
  });

  test.each([
    ['empty', ''],
    ['torn', '{"version":1,"suspended":[{"assignment":"red"'],
    ['no record', '[]'],
    ['of another version', '{"version":2,"suspended":[],"resumed":[]}'],
    ['with a field it does not know', '{"version":1,"suspended":[],"resumed":[],"more":1}'],
    [
      'with a time that is none',
      '{"version":1,"suspended":[{"assignment":"red","since":1e99,"by":"anna"}],"resumed":[]}',
    ],
    ['too large', ' '.repeat(1024 * 1024 + 1)],
  ])('one that is %s cannot be used, and no word of one assignment replaces it', async (_, text) => {
    const file = damaged(text);
    const loaded = await file.load();
    expect(loaded).toEqual({ unusable: expect.stringContaining(`${file.path} cannot be used: `) });
    await expect(file.suspend(RED)).rejects.toThrow(SuspensionsUnusableError);
    await expect(file.resume(() => true, { at: 0, by: 'anna' })).rejects.toThrow(SuspensionsUnusableError);
    expect(readFileSync(file.path, 'utf8')).toBe(text);
    await file.clear();
    expect(await file.load()).toEqual({ suspended: [], resumed: [] });
  });

  test('whoever decides hears of it', async () => {
    const layout = tempLayout();
    let end: () => void = () => undefined;
    let heard = false;
    end = new SuspensionFile(layout).onHint(() => {
      heard = true;
    });
    // The folder is watched a moment later: until then nobody hears.
    for (let at = 0; !heard; at += 1) {
      await new SuspensionFile(layout).suspend({ ...RED, assignment: `a${at}` });
      await new Promise(resolve => setImmediate(resolve));
    }
    end();
  });
});
