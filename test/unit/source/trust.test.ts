import {
  chmodSync,
  chownSync,
  lchownSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FolderSource } from '../../../src/source/folder-source.ts';
import { problemLine } from '../../../src/source/problem.ts';
import { distrust, type Owned } from '../../../src/source/trust.ts';
import { assignmentYaml } from './manifests.ts';

const ME = process.geteuid?.() ?? 0;

describe('who may change a file', () => {
  const alice = { users: new Set([1000]) };
  const root = { users: new Set([0]) };
  const cases: [string, Owned, boolean, boolean][] = [
    ["root's, for root alone", { uid: 0, gid: 0, mode: 0o100_600 }, true, true],
    ["root's, as a umask of 022 makes it", { uid: 0, gid: 0, mode: 0o100_644 }, true, true],
    ["root's, as a umask of 002 makes it", { uid: 0, gid: 0, mode: 0o100_664 }, true, true],
    ["root's, that everybody may read, of another group", { uid: 0, gid: 50, mode: 0o100_644 }, true, true],
    ["root's, that another group may change", { uid: 0, gid: 50, mode: 0o100_664 }, false, false],
    ["root's, that everybody may change", { uid: 0, gid: 0, mode: 0o100_646 }, false, false],
    ["alice's", { uid: 1000, gid: 1000, mode: 0o100_644 }, false, true],
    ["alice's, with her private group", { uid: 1000, gid: 1000, mode: 0o100_664 }, false, true],
    ["alice's, with a common group", { uid: 1000, gid: 100, mode: 0o100_664 }, false, false],
    ["bob's", { uid: 1001, gid: 1001, mode: 0o100_600 }, false, false],
  ];
  it.each(cases)('%s', (_, owned, forRoot, forAlice) => {
    expect(distrust('/m/a.yaml', owned, root) === undefined).toBe(forRoot);
    expect(distrust('/m/a.yaml', owned, alice) === undefined).toBe(forAlice);
  });

  it('is said with the command that mends it, for a shell to take as it is', () => {
    const bob = { uid: 1001, gid: 1001, mode: 0o100_666 };
    expect(distrust('/m/a.yaml', bob, root)).toBe(
      'is not followed, because it belongs to user 1001: chown root /m/a.yaml',
    );
    expect(distrust("/m/it's here", { ...bob, uid: 0 }, root)).toBe(
      "is not followed, because everybody may change it (mode 0666): chmod go-w '/m/it'\\''s here'",
    );
  });
});

describe('a folder of manifests', () => {
  let root: string;
  let folder: string;
  let source: FolderSource;

  beforeEach(() => {
    root = realpathSync(mkdtempSync(join(tmpdir(), 'xenpci-trust-')));
    folder = join(root, 'm');
    mkdirSync(join(folder, 'below'), { recursive: true });
    writeFileSync(join(folder, 'a.yaml'), assignmentYaml('a', '0000:01:00.0'));
    writeFileSync(join(folder, 'below/b.yaml'), assignmentYaml('b'));
    for (const path of [root, folder, join(folder, 'below')]) chmodSync(path, 0o755);
    for (const path of ['a.yaml', 'below/b.yaml']) chmodSync(join(folder, path), 0o644);
    source = follow(folder);
  });

  afterEach(async () => {
    await source.close();
    rmSync(root, { recursive: true, force: true });
  });

  function follow(path: string): FolderSource {
    return new FolderSource({ folder: path, host: { names: ['alpha'] }, quietMs: 0, trust: { users: new Set([ME]) } });
  }

  /** What is in force, and what is said. */
  async function look(): Promise<{ inForce: string[]; said: string[]; complete: boolean }> {
    const { assignments, problems, complete } = await source.read();
    const inForce = assignments.map(({ assignment, stale }) => `${assignment.metadata.name}${stale ? ' (stale)' : ''}`);
    return { inForce, said: problems.map(each => problemLine(each).replaceAll(root, '/R')), complete };
  }

  const GOOD = { inForce: ['a', 'b'], said: [], complete: true };

  it('that nobody else may change is followed', async () => {
    expect(await look()).toEqual(GOOD);
  });

  it.each([
    ['a.yaml', 0o666, ['a (stale)', 'b']],
    ['a.yaml', 0o646, ['a (stale)', 'b']],
    ['below', 0o757, ['a', 'b (stale)']],
    ['', 0o777, ['a (stale)', 'b (stale)']],
    ['..', 0o777, ['a (stale)', 'b (stale)']],
  ])(
    'whose %j everybody may change keeps what was good, until the command has been run',
    async (path, mode, inForce) => {
      expect(await look()).toEqual(GOOD);
      const target = join(folder, path);
      chmodSync(target, mode);
      const { said, ...rest } = await look();
      expect(rest).toEqual({ inForce, complete: false });
      const command = `chmod go-w ${target.replace(root, '/R')}`;
      expect(said).toEqual([
        expect.stringMatching(/^\/R\/m.*: error NotTrusted: .*everybody may change it \(mode 0[67]/),
      ]);
      expect(said[0]?.endsWith(command), said[0]).toBe(true);
      chmodSync(target, 0o755);
      expect(await look()).toEqual(GOOD);
    },
  );

  it('of which nothing was good before gives nothing', async () => {
    chmodSync(join(folder, 'a.yaml'), 0o666);
    expect(await look()).toMatchObject({ inForce: ['b'], complete: false });
  });

  it('in a folder with the sticky bit is followed: nobody can put another one in its place', async () => {
    chmodSync(root, 0o1777);
    expect(await look()).toEqual(GOOD);
  });

  it('may be a link, as a pull swaps it, and so may what is on the way', async () => {
    symlinkSync('m', join(root, 'current'));
    symlinkSync(root, join(root, 'again'));
    source = follow(join(root, 'again/current'));
    expect(await look()).toEqual(GOOD);
  });

  it('is not followed behind a link through a folder that everybody may change', async () => {
    mkdirSync(join(root, 'open'));
    symlinkSync('../m', join(root, 'open/way'));
    symlinkSync('open/way', join(root, 'current'));
    chmodSync(join(root, 'open'), 0o777);
    source = follow(join(root, 'current'));
    expect(await look()).toMatchObject({ inForce: [], complete: false });
    chmodSync(join(root, 'open'), 0o755);
    expect(await look()).toEqual(GOOD);
  });

  it('may have links within, and none that lead out', async () => {
    symlinkSync('below/b.yaml', join(folder, 'within.yaml'));
    expect((await look()).said).toEqual([
      expect.stringContaining('DuplicateName'),
      expect.stringContaining('DuplicateName'),
    ]);
    rmSync(join(folder, 'within.yaml'));
    mkdirSync(join(root, 'm-other'));
    writeFileSync(join(root, 'm-other/c.yaml'), assignmentYaml('c'));
    symlinkSync('../m-other/c.yaml', join(folder, 'c.yaml'));
    symlinkSync('../m-other', join(folder, 'other'));
    expect(await look()).toEqual({
      inForce: ['a', 'b'],
      said: [
        '/R/m/c.yaml:1:1: error NotTrusted: is not followed, because it is a link to /R/m-other/c.yaml, out of /R/m; put a file in its place',
        '/R/m/other:1:1: error NotTrusted: is not followed, because it is a link to /R/m-other, out of /R/m; put a file in its place',
      ],
      complete: false,
    });
  });

  it('keeps what a file said that became a link out of it', async () => {
    expect(await look()).toEqual(GOOD);
    writeFileSync(join(root, 'elsewhere.yaml'), assignmentYaml('a', '0000:02:00.0'));
    rmSync(join(folder, 'a.yaml'));
    symlinkSync('../elsewhere.yaml', join(folder, 'a.yaml'));
    expect(await look()).toMatchObject({ inForce: ['a (stale)', 'b'], complete: false });
  });

  it.runIf(ME === 0)("keeps what was good when a file, or a folder, becomes another user's", async () => {
    expect(await look()).toEqual(GOOD);
    chownSync(join(folder, 'a.yaml'), 1234, 0);
    expect(await look()).toEqual({
      inForce: ['a (stale)', 'b'],
      said: [
        '/R/m/a.yaml:1:1: error NotTrusted: is not followed, because it belongs to user 1234: chown root /R/m/a.yaml',
      ],
      complete: false,
    });
    chownSync(folder, 1234, 0);
    expect((await look()).inForce).toEqual(['a (stale)', 'b (stale)']);
    chownSync(folder, 0, 0);
    chownSync(join(folder, 'a.yaml'), 0, 0);
    expect(await look()).toEqual(GOOD);
  });

  it.runIf(ME === 0)("is not followed behind another user's link", async () => {
    symlinkSync('m', join(root, 'current'));
    // Only the link: what it leads to stays root's.
    lchownSync(join(root, 'current'), 1234, 0);
    source = follow(join(root, 'current'));
    expect(await look()).toMatchObject({
      inForce: [],
      said: ['/R/current:1:1: error NotTrusted: is behind a link that belongs to user 1234: chown -h root /R/current'],
    });
  });
});
