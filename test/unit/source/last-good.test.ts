import { mkdirSync, mkdtempSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FolderSource } from '../../../src/source/folder-source.ts';
import type { LastGoodStore } from '../../../src/source/last-good.ts';
import { assignmentYaml } from './manifests.ts';

const a1 = assignmentYaml('a', '0000:01:00.0');
const a2 = assignmentYaml('a', '0000:02:00.0');

let folder: string;
let store: LastGoodStore & { texts: ReadonlyMap<string, string>; saves: number };
const errors: string[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'xenpci-last-good-'));
  errors.length = 0;
  store = {
    texts: new Map(),
    saves: 0,
    load: async () => store.texts,
    save: async texts => {
      store.saves += 1;
      store.texts = texts;
    },
  };
});
afterEach(() => rmSync(folder, { recursive: true }));

function write(name: string, text: string): void {
  writeFileSync(join(folder, name), text);
}

/** What a process that starts now has in force, look by look. */
async function started(looks = 1): Promise<{ inForce: string[]; complete: boolean }> {
  const source = new FolderSource({
    folder,
    host: { names: ['dom0'] },
    quietMs: 15,
    lastGood: store,
    onLastGoodError: error => errors.push(error.message),
  });
  try {
    for (let look = 1; look < looks; look += 1) await source.read();
    const { assignments, complete } = await source.read();
    const inForce = assignments.map(({ assignment, stale }) => {
      const [device] = assignment.spec.devices;
      return `${assignment.metadata.name}: ${device?.address}${stale === undefined ? '' : ' (stale)'}`;
    });
    return { inForce, complete };
  } finally {
    await source.close();
  }
}

describe('a file that is broken when the controller starts', () => {
  beforeEach(async () => {
    write('a.yaml', a1);
    write('b.yaml', assignmentYaml('b', '0000:03:00.0'));
    expect(await started()).toEqual({ inForce: ['a: 0000:01:00.0', 'b: 0000:03:00.0'], complete: true });
    write('a.yaml', 'spec: [');
  });

  it('has its last good content in force, over any number of starts', async () => {
    const expected = { inForce: ['a: 0000:01:00.0 (stale)', 'b: 0000:03:00.0'], complete: false };
    expect(await started()).toEqual(expected);
    expect(await started(2)).toEqual(expected);
    write('a.yaml', a2);
    expect(await started()).toEqual({ inForce: ['a: 0000:02:00.0', 'b: 0000:03:00.0'], complete: true });
  });

  it('has none once it was deleted, also while nothing ran', async () => {
    unlinkSync(join(folder, 'a.yaml'));
    expect(await started()).toEqual({ inForce: ['b: 0000:03:00.0'], complete: true });
    write('a.yaml', 'spec: [');
    expect(await started()).toEqual({ inForce: ['b: 0000:03:00.0'], complete: false });
  });

  it('has none where what is remembered is not valid in this version, and takes nothing away', async () => {
    store.texts = new Map([[join(folder, 'a.yaml'), 'kind: Old']]);
    expect(await started()).toEqual({ inForce: ['b: 0000:03:00.0'], complete: false });
  });

  it('has none where the record cannot be read, and that is said once', async () => {
    store.load = () => Promise.reject(new Error('the disk is broken'));
    expect(await started(3)).toEqual({ inForce: ['b: 0000:03:00.0'], complete: false });
    expect(errors).toEqual(['the disk is broken']);
  });
});

describe('the record', () => {
  it('is written when what is in force has changed, and not otherwise', async () => {
    write('a.yaml', a1);
    await started(3);
    expect(store.saves).toBe(1);
    await started(3);
    expect(store.saves).toBe(1);
    write('a.yaml', a2);
    await started();
    expect(store.saves).toBe(2);
    expect(store.texts).toEqual(new Map([[join(folder, 'a.yaml'), a2]]));
  });

  it('that cannot be written keeps nothing from being in force, and is tried again', async () => {
    const { save } = store;
    let failures = 2;
    store.save = texts => (failures-- > 0 ? Promise.reject(new Error('no space left')) : save(texts));
    mkdirSync(join(folder, 'sub'));
    write('sub/a.yaml', a1);
    expect(await started(3)).toEqual({ inForce: ['a: 0000:01:00.0'], complete: true });
    expect(errors).toEqual(['no space left']);
    expect(store.texts.size).toBe(1);
  });
});
