import { mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { decodeGiven, encodeGiven, GivenFile } from '../../../src/daemon/given-file.ts';
import type { Given, GivenCard } from '../../../src/plan/given.ts';
import { address } from '../../world.ts';
import { tempLayout } from './temp-layout.ts';

const CARDS: readonly GivenCard[] = [
  { address: address('0000:03:00.0'), domid: 7, bootId: 'b-1', insertion: '3426' },
  { address: address('10000:01:00.0'), domid: 8, bootId: 'b-1' },
];
const GIVEN: Given = new Map(CARDS.map(card => [card.address, card]));

describe('GivenFile', () => {
  test('no file says nothing', async () => {
    expect(await new GivenFile(tempLayout()).load()).toEqual(new Map());
  });

  test('what was saved is loaded by the next controller', async () => {
    const layout = tempLayout();
    await new GivenFile(layout).save(GIVEN);
    expect(await new GivenFile(layout).load()).toEqual(GIVEN);
    await new GivenFile(layout).save(new Map());
    expect(await new GivenFile(layout).load()).toEqual(new Map());
  });

  test('only its owner can read it, and it lies where the boot ends it', async () => {
    const layout = tempLayout();
    const file = new GivenFile(layout);
    await file.save(GIVEN);
    expect(statSync(file.path).mode & 0o777).toBe(0o600);
    expect(readdirSync(layout.runtime)).toEqual(['given.json']);
  });

  test('what makes no sense says nothing', () => {
    const text = encodeGiven(GIVEN);
    for (let length = 0; length < text.length - 2; length += 5) expect(decodeGiven(text.slice(0, length)).size).toBe(0);
    for (const bad of ['null', '{"version":2,"given":[]}', text.replace('"domid":7', '"domid":-7')])
      expect(decodeGiven(bad).size).toBe(0);
    expect(decodeGiven(text.replace('0000:03:00.0', '0000:03'))).toEqual(new Map([...GIVEN].slice(1)));
  });

  test('what cannot be read or written is said with the file', async () => {
    const layout = tempLayout();
    const { path } = new GivenFile(layout);
    mkdirSync(path, { recursive: true });
    await expect(new GivenFile(layout).load()).rejects.toThrow(`cannot be read: ${path} EISDIR`);
    const other = tempLayout();
    writeFileSync(`${other.root}/run`, '');
    await expect(new GivenFile(other).save(GIVEN)).rejects.toThrow(
      /^which cards guests were given cannot be written: /,
    );
  });
});
