import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { FolderSource } from '../../src/source/folder-source.ts';
import { CHECKOUT } from '../unit/cli/captured-shell.ts';
import { assignmentYaml } from '../unit/source/manifests.ts';

let folder = '';
let repository = '';
let link = '';

beforeAll(async () => {
  folder = mkdtempSync('/tmp/xenpci-pull-');
  repository = join(folder, 'repository');
  link = join(folder, 'manifests');
  mkdirSync(join(repository, 'hosts'), { recursive: true });
  git('init', '-q', '-b', 'main');
  await build({
    entryPoints: [join(CHECKOUT, 'src/main.ts')],
    outfile: join(folder, 'xenpci.cjs'),
    bundle: true,
    platform: 'node',
    format: 'cjs',
    logLevel: 'error',
  });
});
afterAll(() => rmSync(folder, { recursive: true }));

function git(...args: string[]): string {
  const who = ['-c', 'user.name=test', '-c', 'user.email=test@localhost'];
  return execFileSync('git', ['-C', repository, ...who, ...args], { encoding: 'utf8' }).trim();
}

function commit(name: string, text: string): string {
  writeFileSync(join(repository, 'hosts', name), text);
  git('add', '-A');
  git('commit', '-q', '-m', name);
  return git('rev-parse', 'HEAD');
}

function pull(from = repository): { status: number | null; said: string } {
  const { status, stdout, stderr } = spawnSync('/bin/sh', [join(CHECKOUT, 'manifests/git/xenpci-pull')], {
    encoding: 'utf8',
    env: {
      ...process.env,
      REPOSITORY: from,
      FOLDER: 'hosts',
      MANIFESTS: link,
      STORE: join(folder, 'store'),
      XENPCI: `${process.execPath} ${join(folder, 'xenpci.cjs')}`,
    },
  });
  return { status, said: stdout + stderr };
}

test('a commit comes into force in whole; one that is not valid, or cannot be had, does not', async () => {
  const source = new FolderSource({ folder: link, host: { names: ['dom0'] }, quietMs: 15 });
  const inForce = async (): Promise<string[]> =>
    (await source.read()).assignments.map(({ assignment }) => assignment.metadata.name);

  const first = commit('a.yaml', assignmentYaml('a', '0000:01:00.0'));
  expect(pull()).toMatchObject({ status: 0, said: expect.stringContaining(`commit ${first} is in force`) });
  expect(await inForce()).toEqual(['a']);
  expect(pull()).toEqual({ status: 0, said: '' });

  const second = commit('b.yaml', assignmentYaml('b', '0000:02:00.0'));
  expect(pull().status).toBe(0);
  expect(await inForce()).toEqual(['a', 'b']);
  expect(readlinkSync(link)).toContain(second);

  const third = commit('b.yaml', assignmentYaml('b', 'nonsense'));
  const refused = pull();
  expect(refused).toMatchObject({ status: 1, said: expect.stringContaining(`commit ${third} is not valid`) });
  expect(refused.said).toMatch(/b\.yaml:\d+:\d+: error InvalidValue/);
  expect(pull(join(folder, 'nowhere')).status).not.toBe(0);
  expect(readlinkSync(link)).toContain(second);
  expect(await inForce()).toEqual(['a', 'b']);

  commit('b.yaml', assignmentYaml('b', '0000:03:00.0'));
  expect(pull().status).toBe(0);
  expect(readFileSync(join(link, 'b.yaml'), 'utf8')).toContain('0000:03:00.0');
  await source.close();
});

test('a folder of manifests that is no link is left alone', () => {
  rmSync(link);
  mkdirSync(link);
  expect(pull()).toMatchObject({ status: 2, said: expect.stringContaining('is no symbolic link') });
});
