import { chmodSync, mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { hostIdentity } from '../../../src/api/hosts.ts';
import type { SourceSnapshot } from '../../../src/api/manifest.ts';
import { FolderSource } from '../../../src/source/folder-source.ts';
import { parseManifestFile } from '../../../src/source/manifest-file.ts';
import type { Overlays } from '../../../src/source/overlay.ts';
import type { Tree } from '../../../src/source/tree.ts';
import { assignmentYaml, policyYaml } from './manifests.ts';

let root: string;
let folder: string;
let source: FolderSource;
const HOST = hostIdentity(['dom0-a.example.org'], '0123456789abcdef0123456789abcdef');

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'xenpci-folder-'));
  folder = join(root, 'manifests');
  mkdirSync(folder);
  source = follower(folder);
});
afterEach(async () => {
  await source.close();
  rmSync(root, { recursive: true });
});

/** A source that waits no longer than file times need to move on. */
function follower(folder: string, allowEmpty = false): FolderSource {
  return new FolderSource({ folder, host: HOST, allowEmpty, quietMs: 15 });
}

function write(name: string, text: string): void {
  writeFileSync(join(folder, name), text);
}

/** As editors save: a new file moved over the old one. */
function replace(name: string, text: string): void {
  writeFileSync(join(folder, `.${name}.new`), text);
  renameSync(join(folder, `.${name}.new`), join(folder, name));
}

/** `name: addresses`, with `(stale)` where an earlier content stays. */
function inForce(snapshot: SourceSnapshot): string[] {
  return snapshot.assignments.map(({ assignment, stale }) => {
    const devices = assignment.spec.devices.map(device => device.address).join(' ');
    return `${assignment.metadata.name}: ${devices}${stale === undefined ? '' : ' (stale)'}`;
  });
}

async function look(): Promise<{ inForce: string[]; codes: string[]; complete: boolean }> {
  const snapshot = await source.read();
  const { problems, complete } = snapshot;
  return { inForce: inForce(snapshot), codes: problems.map(({ code }) => code), complete };
}

const A1 = 'a: 0000:01:00.0';
const A2 = 'a: 0000:02:00.0';
const a1 = assignmentYaml('a', '0000:01:00.0');
const a2 = assignmentYaml('a', '0000:02:00.0');

function good(...assignments: string[]): object {
  return { inForce: assignments, codes: [], complete: true };
}

describe('last good content', () => {
  beforeEach(async () => {
    write('a.yaml', a1);
    write('b.yaml', assignmentYaml('b'));
    expect(await look()).toEqual(good(A1, 'b: '));
  });

  it.each([
    ['broken', 'Syntax', 'spec: ['],
    ['not valid', 'InvalidValue', assignmentYaml('a', '9')],
    ['partly valid', 'MissingField', `${a2}---\nx: 1\n`],
    ['empty', 'EmptySource', ''],
    ['not text', 'Unreadable', Buffer.of(0xff)],
    ['too large', 'TooLarge', 'x'.repeat(1_048_577)],
  ])('stays while the file is %s', async (_, code, content) => {
    writeFileSync(join(folder, 'a.yaml'), content);
    expect(await look()).toEqual({ inForce: [`${A1} (stale)`, 'b: '], codes: [code], complete: false });
    expect(await look()).toMatchObject({ inForce: [`${A1} (stale)`, 'b: '] });
    write('a.yaml', a2);
    expect(await look()).toEqual(good(A2, 'b: '));
  });

  it('stays while the path is a link to nothing, a folder is unreadable, or loops', async () => {
    unlinkSync(join(folder, 'a.yaml'));
    symlinkSync('nowhere', join(folder, 'a.yaml'));
    expect(await look()).toEqual({ inForce: [`${A1} (stale)`, 'b: '], codes: ['Unreadable'], complete: false });
    unlinkSync(join(folder, 'a.yaml'));
    symlinkSync('a.yaml', join(folder, 'a.yaml'));
    expect(await look()).toEqual({ inForce: [`${A1} (stale)`, 'b: '], codes: ['Unreadable'], complete: false });
  });

  it('says which problem made it stale', async () => {
    write('a.yaml', assignmentYaml('a', '9'));
    const { assignments, problems } = await source.read();
    expect(assignments[0]?.stale).toMatchObject({ field: 'spec.devices[0].address', line: 9 });
    expect(assignments[0]?.stale).toEqual(problems[0]);
  });

  it('goes when the file goes', async () => {
    unlinkSync(join(folder, 'a.yaml'));
    expect(await look()).toEqual(good('b: '));
  });

  it.runIf(process.getuid?.() !== 0)('stays while a file or folder may not be read', async () => {
    mkdirSync(join(folder, 'sub'));
    write('sub/c.yaml', assignmentYaml('c'));
    expect(await look()).toEqual(good(A1, 'b: ', 'c: '));
    chmodSync(join(folder, 'sub'), 0);
    chmodSync(join(folder, 'a.yaml'), 0);
    const stale = {
      inForce: [`${A1} (stale)`, 'b: ', 'c:  (stale)'],
      codes: ['Unreadable', 'Unreadable'],
      complete: false,
    };
    expect(await look()).toEqual(stale);
    chmodSync(join(folder, 'sub'), 0o755);
  });
});

describe('the folder', () => {
  const cases: readonly [string, () => void][] = [
    ['empty', () => unlinkSync(join(folder, 'a.yaml'))],
    ['missing', () => rmSync(folder, { recursive: true })],
    ['moved away', () => renameSync(folder, join(root, 'elsewhere'))],
  ];

  it.each(cases)('when %s leaves everything in force, until it is back', async (_, away) => {
    write('a.yaml', a1);
    await look();
    away();
    expect(await look()).toMatchObject({ inForce: [`${A1} (stale)`], codes: [expect.anything()], complete: false });
    expect(await look()).toMatchObject({ inForce: [`${A1} (stale)`], complete: false });
    mkdirSync(folder, { recursive: true });
    write('a.yaml', a2);
    expect(await look()).toEqual(good(A2));
  });

  it.each(cases)('when %s means that nothing is desired, with allowEmpty', async (_, away) => {
    source = follower(folder, true);
    write('a.yaml', a1);
    expect(await look()).toEqual(good(A1));
    away();
    expect(await look()).toEqual(good());
  });

  it('that is a link to nothing, or no folder, is an error even with allowEmpty', async () => {
    source = follower(folder, true);
    write('a.yaml', a1);
    await look();
    rmSync(folder, { recursive: true });
    symlinkSync('nowhere', folder);
    expect(await look()).toEqual({ inForce: [`${A1} (stale)`], codes: ['Unreadable'], complete: false });
    unlinkSync(folder);
    writeFileSync(folder, a2);
    expect(await look()).toEqual({ inForce: [`${A1} (stale)`], codes: ['Unreadable'], complete: false });
  });

  it('without manifests is an error from the start', async () => {
    expect(await look()).toEqual({ inForce: [], codes: ['EmptySource'], complete: false });
  });
});

describe('a name that is taken twice', () => {
  it('leaves both files as they were', async () => {
    write('a.yaml', a1);
    write('b.yaml', assignmentYaml('b'));
    await look();
    write('b.yaml', a2);
    const both = ['DuplicateName', 'DuplicateName'];
    expect(await look()).toEqual({ inForce: [`${A1} (stale)`, 'b:  (stale)'], codes: both, complete: false });
    expect(await look()).toMatchObject({ inForce: [`${A1} (stale)`, 'b:  (stale)'] });
    unlinkSync(join(folder, 'a.yaml'));
    expect(await look()).toEqual(good(A2));
  });

  it('holds up a third file that takes a name which was to become free', async () => {
    write('a.yaml', a1);
    write('b.yaml', assignmentYaml('b', '0000:03:00.0'));
    await look();
    write('b.yaml', a2);
    write('c.yaml', assignmentYaml('b', '0000:04:00.0'));
    expect((await look()).inForce).toEqual([`${A1} (stale)`, 'b: 0000:03:00.0 (stale)']);
    write('b.yaml', '# nothing');
    expect(await look()).toEqual(good(A1, 'b: 0000:04:00.0'));
  });

  it('is taken by the last good content of a broken file too', async () => {
    write('a.yaml', a1);
    await look();
    write('a.yaml', '[');
    write('b.yaml', a2);
    expect(await look()).toMatchObject({ inForce: [`${A1} (stale)`], codes: ['Syntax', 'DuplicateName'] });
  });

  it('may move from file to file', async () => {
    write('a.yaml', a1);
    await look();
    renameSync(join(folder, 'a.yaml'), join(folder, 'z.yaml'));
    expect(await look()).toEqual(good(A1));
  });

  it('is the only thing that two host policies cannot have', async () => {
    write('a.yaml', policyYaml('host', '00:1f.2'));
    await look();
    write('b.yaml', policyYaml('other', '00:1f.3'));
    const snapshot = await source.read();
    expect(snapshot.policy?.metadata.name).toBe('host');
    expect(snapshot.complete).toBe(false);
  });
});

describe('an unchanged file', () => {
  it('is not parsed again, and a changed one is, whatever its size and time', async () => {
    write('a.yaml', a1);
    const first = await source.read();
    expect((await source.read()).assignments[0]).toBe(first.assignments[0]);
    replace('a.yaml', a2);
    expect((await source.read()).assignments[0]).not.toBe(first.assignments[0]);
    for (const [text, expected] of [
      [a1, A1],
      [a2, A2],
      [a1, A1],
      [a2, A2],
    ] as const) {
      write('a.yaml', text);
      expect(await look()).toEqual(good(expected));
    }
  });
});

describe('objects for some hosts', () => {
  const forHosts = (text: string, hosts: string): string => `${text.trimEnd()}\n  hosts: ${hosts}\n`;
  const b1 = assignmentYaml('b', '0000:01:00.0');

  it('count on these alone, and the others are counted', async () => {
    write('a.yaml', forHosts(a1, '[dom0-a]'));
    write(
      'b.yaml',
      `${forHosts(b1, '["*.example.net"]')}---\n${forHosts(policyYaml('host', '0000:01:00.0'), '[dom0-b]')}`,
    );
    expect(await look()).toEqual(good(A1));
    const { policy, elsewhere } = await source.read();
    expect({ policy, elsewhere }).toEqual({ policy: undefined, elsewhere: { objects: 2, host: 'dom0-a.example.org' } });
  });

  it('may be all for others: that is no empty folder', async () => {
    write('a.yaml', forHosts(a1, '[dom0-b]'));
    expect(await look()).toEqual(good());
  });

  it('go like deleted ones when they stop naming this host', async () => {
    write('a.yaml', forHosts(a1, '[dom0-a]'));
    expect(await look()).toEqual(good(A1));
    write('a.yaml', forHosts(a1, '[dom0-b]'));
    expect(await look()).toEqual(good());
  });

  it('of other hosts take no name, device or place of the host policy', async () => {
    write('a.yaml', `${forHosts(a1, '[dom0-a]')}---\n${forHosts(policyYaml('mine', '0000:05:00.0'), '[dom0-a]')}`);
    write('b.yaml', `${forHosts(a1, '[dom0-b]')}---\n${forHosts(b1, '[dom0-b]')}`);
    write('c.yaml', forHosts(policyYaml('theirs', '0000:06:00.0'), '[dom0-b]'));
    expect(await look()).toEqual(good(A1));
    expect((await source.read()).policy?.metadata.name).toBe('mine');
    write('c.yaml', forHosts(policyYaml('theirs', '0000:06:00.0'), '["dom0-*"]'));
    expect(await look()).toMatchObject({ codes: ['DuplicateName', 'DuplicateName'], complete: false });
    expect((await source.read()).policy?.metadata.name).toBe('mine');
  });

  it('are not valid wherever they are for', async () => {
    write('a.yaml', a1);
    write('b.yaml', forHosts(assignmentYaml('b', 'nonsense'), '[dom0-b]'));
    expect(await look()).toEqual({ inForce: [A1], codes: ['InvalidValue'], complete: false });
  });

  it('are in doubt on a host without a name: nothing is concluded from what does not count', async () => {
    source = new FolderSource({ folder, host: { names: [] }, quietMs: 15 });
    write('a.yaml', a1);
    expect(await look()).toEqual(good(A1));
    write('b.yaml', forHosts(b1, '["*"]'));
    expect(await look()).toEqual({ inForce: [A1], codes: ['Unreadable'], complete: false });
  });
});

describe('reading while the files change', () => {
  it('never gives half of it', async () => {
    const version = (n: number): void => {
      const next = join(root, `v${n}`);
      mkdirSync(next);
      writeFileSync(join(next, 'a.yaml'), assignmentYaml('a', `0000:${10 + (n % 80)}:00.0`));
      writeFileSync(join(next, 'b.yaml'), assignmentYaml('b', `0000:${10 + (n % 80)}:00.1`));
      symlinkSync(next, join(root, 'next'));
      renameSync(join(root, 'next'), join(root, 'current'));
    };
    version(0);
    source = follower(join(root, 'current'));
    // The swap falls on another moment of the reading each time.
    for (let n = 1; n < 60; n++) {
      let turns = n;
      const swap = (): void => {
        turns -= 1;
        if (turns > 0) setImmediate(swap);
        else version(n);
      };
      swap();
      const [a = '', b = '', ...others] = inForce(await source.read());
      await vi.waitFor(() => expect(turns).toBeLessThanOrEqual(0));
      expect(others).toEqual([]);
      expect(a.slice(3, -1)).toBe(b.slice(3, -1));
    }
  });

  it.each([
    ['is saved in pieces', () => write('a.yaml', a1.slice(0, a1.indexOf('    - name')))],
    ['is deleted before it is written', () => unlinkSync(join(folder, 'a.yaml'))],
  ])('waits until a file that %s is whole', async (_, half) => {
    write('a.yaml', a1);
    write('b.yaml', assignmentYaml('b'));
    source = new FolderSource({ folder, host: HOST, quietMs: 400 });
    expect(await look()).toEqual(good(A1, 'b: '));
    half();
    const hasty = new FolderSource({ folder, host: HOST, quietMs: 0 });
    const patient = look();
    expect(inForce(await hasty.read())).not.toContain(A1);
    write('a.yaml', a1);
    expect(await patient).toEqual(good(A1, 'b: '));
  });

  it('answers calls at the same time one after the other', async () => {
    write('a.yaml', a1);
    const answers = await Promise.all(Array.from({ length: 5 }, () => look()));
    expect(answers).toEqual(Array.from({ length: 5 }, () => good(A1)));
  });
});

describe('a folder that never rests', () => {
  /** Whoever looks at it finds that something has been written since. @param names what is there at the nth look. */
  function restless(texts: Map<string, string>, names: (look: number) => string[]): FolderSource {
    let looks = 0;
    const tree: Tree = {
      async scan() {
        looks += 1;
        const fingerprint = String(looks);
        return {
          files: names(looks),
          unlisted: [],
          missing: false,
          fingerprint,
          layout: '',
          targets: [],
          changedMs: 0,
        };
      },
      untilQuiet: async () => undefined,
      read: async path => parseManifestFile(path, Buffer.from(texts.get(path) ?? '')),
      parse: parseManifestFile,
      keepOnly: () => undefined,
      watch: () => ({ arm: () => undefined, close: async () => undefined }),
    };
    return new FolderSource({ folder, host: HOST, tree });
  }

  it('counts as it stands where the same files stay there: edits are followed, entries that go included', async () => {
    const texts = new Map([
      [join(folder, 'a.yaml'), a1],
      [join(folder, 'b.yaml'), assignmentYaml('b', '0000:03:00.0')],
    ]);
    source = restless(texts, () => [...texts.keys()]);
    expect(await look()).toEqual(good(A1, 'b: 0000:03:00.0'));
    texts.set(join(folder, 'a.yaml'), a2);
    texts.set(join(folder, 'b.yaml'), assignmentYaml('b'));
    expect(await look()).toEqual(good(A2, 'b: '));
  });

  it('changes nothing while files come and go: one that is missing may only be on its way', async () => {
    const texts = new Map([
      [join(folder, 'a.yaml'), a1],
      [join(folder, 'b.yaml'), assignmentYaml('b', '0000:03:00.0')],
    ]);
    let isMoving = false;
    source = restless(texts, looks => (isMoving && looks % 2 === 0 ? [join(folder, 'b.yaml')] : [...texts.keys()]));
    expect(await look()).toEqual(good(A1, 'b: 0000:03:00.0'));
    isMoving = true;
    texts.set(join(folder, 'b.yaml'), assignmentYaml('b', '0000:04:00.0'));
    expect(await look()).toEqual({
      inForce: [`${A1} (stale)`, 'b: 0000:03:00.0 (stale)'],
      codes: ['Unreadable'],
      complete: false,
    });
  });

  it('is read as a whole when one of its files is replaced all the time', async () => {
    write('a.yaml', a1);
    let turns = 0;
    const noise = setInterval(() => {
      turns += 1;
      replace('notes.txt', String(turns));
    }, 2);
    try {
      expect(await look()).toEqual(good(A1));
      replace('a.yaml', a2);
      expect(await look()).toEqual(good(A2));
    } finally {
      clearInterval(noise);
    }
  });
});

describe('a hint', () => {
  /** Reads after every hint, as the controller does, until the files say what is expected. */
  async function followed(change: () => void, expected: string[]): Promise<void> {
    change();
    await vi.waitFor(() => expect(latest).toEqual(expected), { timeout: 5000 });
  }
  let latest: string[];

  /** Follows the source from now on, and returns when it has become quiet. */
  async function follow(): Promise<void> {
    let hints = 0;
    source.onHint(async () => {
      hints += 1;
      latest = inForce(await source.read());
    });
    latest = inForce(await source.read());
    let seen = -1;
    await vi.waitFor(
      () => {
        const quiet = hints > 0 && hints === seen;
        seen = hints;
        expect(quiet).toBe(true);
      },
      { interval: 300, timeout: 5000 },
    );
  }

  it('follows files and folders that come, change and go', async () => {
    write('a.yaml', a1);
    await follow();
    await followed(() => write('a.yaml', a2), [A2]);
    await followed(() => replace('a.yaml', a1), [A1]);
    await followed(() => mkdirSync(join(folder, 'sub')), [A1]);
    await followed(() => write('sub/b.yaml', assignmentYaml('b')), [A1, 'b: ']);
    await followed(() => unlinkSync(join(folder, 'a.yaml')), ['b: ']);
    await followed(() => renameSync(join(folder, 'sub'), join(root, 'sub')), ['b:  (stale)']);
  });

  it('follows a folder that goes and returns, twice', async () => {
    write('a.yaml', a1);
    await follow();
    for (const [text, expected] of [
      [a2, A2],
      [a1, A1],
    ] as const) {
      await followed(() => rmSync(folder, { recursive: true }), [expect.stringContaining('(stale)')]);
      await followed(() => mkdirSync(folder), [expect.stringContaining('(stale)')]);
      await followed(() => write('a.yaml', text), [expected]);
    }
  });

  it('follows a folder that comes into being only now', async () => {
    source = follower(join(root, 'x', 'y', 'manifests'));
    await follow();
    folder = join(root, 'x', 'y', 'manifests');
    await followed(() => {
      mkdirSync(folder, { recursive: true });
      write('a.yaml', a1);
    }, [A1]);
  });

  it('follows a folder whose way there is moved off and comes back as another', async () => {
    const near = join(root, 'x', 'y');
    const outer = folder;
    folder = join(near, 'manifests');
    mkdirSync(folder, { recursive: true });
    write('a.yaml', a1);
    source = follower(folder);
    await follow();
    await followed(() => renameSync(near, join(root, 'away')), [expect.stringContaining('(stale)')]);
    await followed(() => {
      mkdirSync(folder, { recursive: true });
      write('a.yaml', a2);
    }, [A2]);
    await followed(() => write('a.yaml', a1), [A1]);
    folder = outer;
  });

  it('follows a link above the folder that is swapped', async () => {
    const version = (name: string, text: string): void => {
      mkdirSync(join(root, name, 'manifests'), { recursive: true });
      writeFileSync(join(root, name, 'manifests', 'a.yaml'), text);
      symlinkSync(name, join(root, 'next'));
      renameSync(join(root, 'next'), join(root, 'current'));
    };
    version('v1', a1);
    source = follower(join(root, 'current', 'manifests'));
    await follow();
    await followed(() => version('v2', a2), [A2]);
    await followed(() => version('v3', a1), [A1]);
  });

  it('follows a link to a folder that is swapped', async () => {
    const version = (name: string, text: string): void => {
      mkdirSync(join(root, name));
      writeFileSync(join(root, name, 'a.yaml'), text);
      symlinkSync(name, join(root, 'next'));
      renameSync(join(root, 'next'), join(root, 'current'));
    };
    version('v1', a1);
    source = follower(join(root, 'current'));
    await follow();
    await followed(() => version('v2', a2), [A2]);
    await followed(() => version('v3', a1), [A1]);
    folder = join(root, 'v3');
    await followed(() => write('a.yaml', a2), [A2]);
  });

  it('follows a volume as Kubernetes mounts it', async () => {
    const version = (name: string, text: string): void => {
      mkdirSync(join(folder, name));
      write(`${name}/a.yaml`, text);
      symlinkSync(name, join(folder, '..next'));
      renameSync(join(folder, '..next'), join(folder, '..data'));
    };
    version('..v1', a1);
    symlinkSync('..data/a.yaml', join(folder, 'a.yaml'));
    await follow();
    await followed(() => version('..v2', a2), [A2]);
    await followed(() => version('..v3', a1), [A1]);
  });

  it('comes for none after close', async () => {
    write('a.yaml', a1);
    await follow();
    await source.close();
    const witness = follower(folder);
    const hints = vi.fn();
    witness.onHint(hints);
    await vi.waitFor(() => expect(hints).toHaveBeenCalled());
    hints.mockClear();
    write('a.yaml', a2);
    await vi.waitFor(() => expect(hints).toHaveBeenCalled());
    await witness.close();
    expect(latest).toEqual([A1]);
  });
});

describe('a file that cannot be read', () => {
  const unknown = async () => (await source.read()).policyUnknown;

  it('may hold the policy as long as it never was readable', async () => {
    write('a.yaml', a1);
    write('bad.yaml', 'kind: [');
    expect(await unknown()).toBe(true);
    write('policy.yaml', policyYaml('host', '0000:01:00.0'));
    expect(await unknown()).toBeUndefined();
  });

  it.each([
    ['has a syntax error', 'kind: PCIAssignment\nspec: ['],
    ['has a kind that is none', assignmentYaml('b').replace('PCIAssignment', 'PCIHostPolicyy')],
    ['has a second document of no kind', `${assignmentYaml('b')}---\nspec: {}\n`],
    ['holds a policy that is not valid', policyYaml('host', '9')],
  ])('may hold it when it %s', async (_, text) => {
    write('a.yaml', a1);
    write('bad.yaml', text);
    expect(await unknown()).toBe(true);
  });

  it.each([
    ['is an assignment that is not valid', assignmentYaml('b', '9')],
    ['takes the name of another assignment', a2],
  ])('holds none when it %s', async (_, text) => {
    write('a.yaml', a1);
    write('bad.yaml', text);
    expect((await source.read()).complete).toBe(false);
    expect(await unknown()).toBeUndefined();
  });

  it('holds none when its last good content held none', async () => {
    write('a.yaml', a1);
    expect(await unknown()).toBeUndefined();
    write('a.yaml', 'kind: [');
    expect(await unknown()).toBeUndefined();
    rmSync(folder, { recursive: true });
    expect(await unknown()).toBeUndefined();
  });

  it('in a folder that was never there may hold the policy', async () => {
    rmSync(folder, { recursive: true });
    expect(await unknown()).toBe(true);
  });
});

describe('overlays', () => {
  it('that cannot be read fail one reading, and neither the next one nor the end', async () => {
    write('a.yaml', a1);
    let isBroken = true;
    const overlays: Overlays = {
      read: async () => {
        if (isBroken) throw new Error('EIO');
        return [];
      },
      onHint: () => () => undefined,
    };
    source = new FolderSource({ folder, host: HOST, quietMs: 15, overlays });
    await expect(source.read()).rejects.toThrow('EIO');
    await source.close();
    isBroken = false;
    expect(inForce(await source.read())).toEqual([A1]);
  });

  it('do not make a suddenly empty folder one that is meant', async () => {
    const trial = { path: join(folder, 'b.yaml'), bytes: Buffer.from(assignmentYaml('b', '0000:02:00.0')) };
    const overlays: Overlays = { read: async () => [trial], onHint: () => () => undefined };
    source = new FolderSource({ folder, host: HOST, quietMs: 15, overlays });
    expect(await look()).toEqual({ inForce: ['b: 0000:02:00.0'], codes: [], complete: true });
    write('a.yaml', a1);
    expect((await look()).complete).toBe(true);
    unlinkSync(join(folder, 'a.yaml'));
    expect(await look()).toEqual({
      inForce: ['a: 0000:01:00.0 (stale)', 'b: 0000:02:00.0'],
      codes: ['EmptySource'],
      complete: false,
    });
  });
});
