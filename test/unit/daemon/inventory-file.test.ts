import { mkdirSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { InventoryFile } from '../../../src/daemon/inventory-file.ts';
import { decodeInventory, encodeInventory } from '../../../src/daemon/inventory-record.ts';
import type { HeldDevice, Inventory } from '../../../src/plan/inventory.ts';
import { address } from '../../world.ts';
import { tempLayout } from './temp-layout.ts';

const HELD: HeldDevice = {
  address: address('0000:03:00.0'),
  assignment: 'sys-net',
  entry: 'lan',
  domain: { name: 'sys-net', uuid: 'u-1' },
  deletionPolicy: 'Host',
  updatePolicy: 'Live',
  hostDriver: { name: 'e1000e', bootId: 'b-1' },
  inPlace: { place: { at: 'guest', domid: 7 }, generation: 'h-1', bootId: 'b-1' },
};
const { hostDriver: _, inPlace: __, ...rest } = HELD;
const OTHER: HeldDevice = { ...rest, address: address('10000:01:00.0'), domain: { name: 'evil"\n\u001b' } };
const INVENTORY: Inventory = new Map([HELD, OTHER].map(device => [device.address, device]));

describe('InventoryFile', () => {
  test('no file is an empty record', async () => {
    expect(await new InventoryFile(tempLayout()).load()).toEqual(new Map());
  });

  test('what was saved is loaded, by another one too', async () => {
    const layout = tempLayout();
    await new InventoryFile(layout).save(INVENTORY);
    expect(await new InventoryFile(layout).load()).toEqual(INVENTORY);
    await new InventoryFile(layout).save(new Map());
    expect(await new InventoryFile(layout).load()).toEqual(new Map());
  });

  test('only its owner can read it, and nothing else is left in the folder', async () => {
    const layout = tempLayout();
    const file = new InventoryFile(layout);
    await file.save(INVENTORY);
    expect(statSync(file.path).mode & 0o777).toBe(0o600);
    expect(statSync(layout.state).mode & 0o777).toBe(0o700);
    expect(readdirSync(layout.state)).toEqual(['inventory.json']);
  });

  test('torn at any byte, it is refused, with what to do, and stays as it is', async () => {
    const file = new InventoryFile(tempLayout());
    await file.save(INVENTORY);
    const whole = readFileSync(file.path, 'utf8');
    for (let length = whole.length - 2; length >= 0; length -= 7) {
      truncateSync(file.path, length);
      await expect(file.load()).rejects.toThrow(/cannot be used: .*Restore it from a backup, or move it away/);
      expect(readFileSync(file.path, 'utf8')).toBe(whole.slice(0, length));
      writeFileSync(file.path, whole);
    }
  });

  test('an interrupted save leaves the record before', async () => {
    const file = new InventoryFile(tempLayout());
    await file.save(INVENTORY);
    writeFileSync(`${file.path}.new`, encodeInventory(new Map()).slice(0, 20));
    expect(await file.load()).toEqual(INVENTORY);
    await file.save(new Map());
    expect(await file.load()).toEqual(new Map());
  });

  test('where it cannot be written, save says so and the record before stays', async () => {
    const layout = tempLayout();
    const file = new InventoryFile(layout);
    await file.save(INVENTORY);
    // In the way of the temporary file; permissions would not stop root.
    mkdirSync(`${file.path}.new`);
    await expect(file.save(new Map())).rejects.toThrow(/^the record of held devices cannot be written: EISDIR/);
    expect(await file.load()).toEqual(INVENTORY);
  });

  test('a state folder that is a file is an error, not an empty record', async () => {
    const layout = tempLayout();
    mkdirSync(dirname(layout.state), { recursive: true });
    writeFileSync(layout.state, '');
    await expect(new InventoryFile(layout).load()).rejects.toThrow(/cannot be used: .*ENOTDIR/);
  });

  test('a file that is too long is not read', async () => {
    const file = new InventoryFile(tempLayout());
    await file.save(INVENTORY);
    truncateSync(file.path, 33 * 1024 * 1024);
    await expect(file.load()).rejects.toThrow(/34603008 bytes long/);
  });
});

describe('the record', () => {
  test('any change of a character is noticed, or changes nothing', () => {
    const text = encodeInventory(INVENTORY);
    fc.assert(
      fc.property(fc.nat(text.length - 1), fc.string({ minLength: 1, maxLength: 1 }), (index, character) => {
        const changed = text.slice(0, index) + character + text.slice(index + 1);
        let decoded: Inventory | undefined;
        try {
          decoded = decodeInventory(changed);
        } catch {
          return;
        }
        expect(decoded).toEqual(INVENTORY);
      }),
      { numRuns: 2_000 },
    );
  });

  test('of the version before is read', () => {
    const inventory = new Map([[OTHER.address, OTHER]]);
    const text = encodeInventory(inventory).replace('"version": 2', '"version": 1');
    expect(text).toContain('"version": 1');
    expect(decodeInventory(text)).toEqual(inventory);
  });

  test.each([
    ['{"version":3,"anything":1}', 'was written by a newer xenpci (version 3 of the format, known is 2)'],
    ['[]', 'is not a record of xenpci'],
    ['{"version":1,"checksum":"","devices":[]}', 'does not match its checksum'],
    ['', 'is cut off or is not JSON'],
  ])('%s %s', (text, message) => {
    expect(() => decodeInventory(text)).toThrow(message);
  });
});
