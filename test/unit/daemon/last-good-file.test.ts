import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { describe, expect, it } from 'vitest';
import { LastGoodFile, readOnly } from '../../../src/daemon/last-good-file.ts';
import { UnusableRecordError } from '../../../src/source/last-good.ts';
import { tempLayout } from './temp-layout.ts';

const TEXTS = new Map([
  ['/etc/xenpci/manifests/a.yaml', 'kind: PCIAssignment # ü\n'],
  ['/etc/xenpci/manifests/b.yaml', ''],
]);

describe('the record of last good manifests', () => {
  it('gives back what it was given, to root alone', async () => {
    const file = new LastGoodFile(tempLayout());
    await file.save(TEXTS);
    expect(await file.load()).toEqual(TEXTS);
    expect(statSync(file.path).mode & 0o777).toBe(0o600);
    expect(readdirSync(dirname(file.path))).toEqual(['last-good.json']);
  });

  it('is empty where there is none', async () => {
    expect(await new LastGoodFile(tempLayout()).load()).toEqual(new Map());
  });

  it.each([
    ['is cut off', '{"version":1,"fi'],
    ['is another record', '{"devices":[]}'],
    ['is of another version', '{"version":2,"files":{}}'],
    ['holds something else', '{"version":1,"files":{"/a.yaml":1}}'],
  ])('says that it cannot be used when it %s', async (_, text) => {
    const file = new LastGoodFile(tempLayout());
    mkdirSync(dirname(file.path), { recursive: true });
    writeFileSync(file.path, text);
    await expect(file.load()).rejects.toThrow(/last-good\.json cannot be used: .*stays out of force/s);
    await expect(file.load()).rejects.toBeInstanceOf(UnusableRecordError);
    await file.save(TEXTS);
    expect(await file.load()).toEqual(TEXTS);
    expect(readFileSync(`${file.path}.unusable`, 'utf8')).toBe(text);
  });

  it('that cannot be read is told apart from one that is of no use', async () => {
    const file = new LastGoodFile(tempLayout());
    mkdirSync(file.path, { recursive: true });
    const why = /last-good\.json cannot be read: EISDIR.*nothing replaces it, .*not kept for the next start/;
    await expect(file.load()).rejects.toThrow(why);
    await expect(file.load()).rejects.not.toBeInstanceOf(UnusableRecordError);
  });

  it('is not written when it would be too large, and stays as it was', async () => {
    const file = new LastGoodFile(tempLayout());
    await file.save(TEXTS);
    const large = new Map([['/a.yaml', 'x'.repeat(33 * 1024 * 1024)]]);
    await expect(file.save(large)).rejects.toThrow(/not kept for the next start: .* at most 33554432/);
    expect(await file.load()).toEqual(TEXTS);
  });

  it('is left alone by those who only look', async () => {
    const file = new LastGoodFile(tempLayout());
    await file.save(TEXTS);
    const store = readOnly(file);
    await store.save(new Map());
    expect(await store.load()).toEqual(TEXTS);
  });
});
