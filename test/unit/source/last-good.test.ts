import { mkdirSync, mkdtempSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FolderSource } from '../../../src/source/folder-source.ts';
import { type LastGoodStore, UnusableRecordError } from '../../../src/source/last-good.ts';
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

interface Seen {
  readonly inForce: string[];
  readonly complete: boolean;
}

/** A process that starts now. @param work given what has a look, and says what is in force. */
async function withSource<T>(work: (look: () => Promise<Seen>) => Promise<T>): Promise<T> {
  const source = new FolderSource({
    folder,
    host: { names: ['dom0'] },
    quietMs: 15,
    lastGood: store,
    onLastGoodError: error => errors.push(error.message),
  });
  try {
    return await work(async () => {
      const { assignments, complete } = await source.read();
      const inForce = assignments.map(({ assignment, stale }) => {
        const [device] = assignment.spec.devices;
        return `${assignment.metadata.name}: ${device?.address}${stale === undefined ? '' : ' (stale)'}`;
      });
      return { inForce, complete };
    });
  } finally {
    await source.close();
  }
}

/** What a process that starts now has in force after some looks. */
function started(looks = 1): Promise<Seen> {
  return withSource(async look => {
    for (let turn = 1; turn < looks; turn += 1) await look();
    return look();
  });
}

/** Lets the record be unreadable for some times. */
function failing(times: number): void {
  const { load } = store;
  let left = times;
  store.load = () => (left-- > 0 ? Promise.reject(new Error('the disk is broken')) : load());
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

  it('has none where the record is of no use, and that is said once', async () => {
    store.load = () => Promise.reject(new UnusableRecordError('it is no record'));
    expect(await started(3)).toEqual({ inForce: ['b: 0000:03:00.0'], complete: false });
    expect(errors).toEqual(['it is no record']);
    expect([...store.texts.keys()]).toEqual([join(folder, 'b.yaml')]);
  });

  it('has none while the record cannot be read, which is said once and replaces nothing', async () => {
    const { load, texts } = store;
    store.load = () => Promise.reject(new Error('the disk is broken'));
    expect(await started(3)).toEqual({ inForce: ['b: 0000:03:00.0'], complete: false });
    expect(errors).toEqual(['the disk is broken']);
    expect(store.texts).toBe(texts);
    store.load = load;
    expect(await started()).toMatchObject({ inForce: ['a: 0000:01:00.0 (stale)', 'b: 0000:03:00.0'] });
  });

  it('has it as soon as the record can be read', async () => {
    failing(2);
    expect(await started(2)).toMatchObject({ inForce: ['b: 0000:03:00.0'] });
    failing(2);
    expect(await started(3)).toMatchObject({ inForce: ['a: 0000:01:00.0 (stale)', 'b: 0000:03:00.0'] });
    expect([...store.texts.keys()].sort()).toEqual([join(folder, 'a.yaml'), join(folder, 'b.yaml')]);
  });

  it('has nothing older than what was in force since', async () => {
    write('a.yaml', a2);
    failing(2);
    await withSource(async look => {
      expect(await look()).toMatchObject({ inForce: ['a: 0000:02:00.0', 'b: 0000:03:00.0'] });
      unlinkSync(join(folder, 'a.yaml'));
      expect(await look()).toEqual({ inForce: ['b: 0000:03:00.0'], complete: true });
      write('a.yaml', 'spec: [');
      // Only now it can be read, and has what was deleted meanwhile.
      expect(await look()).toEqual({ inForce: ['b: 0000:03:00.0'], complete: false });
    });
  });

  it('has none whose name another file has taken meanwhile', async () => {
    write('c.yaml', a2);
    failing(1);
    await withSource(async look => {
      const expected = { inForce: ['b: 0000:03:00.0', 'a: 0000:02:00.0'], complete: false };
      expect(await look()).toEqual(expected);
      expect(await look()).toEqual(expected);
    });
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
