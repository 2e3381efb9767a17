import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { hostIdentity } from '../../../src/api/hosts.ts';
import { formatProblem } from '../../../src/source/problem.ts';
import { readPaths } from '../../../src/source/read-paths.ts';
import { assignmentYaml, policyYaml } from './manifests.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'xenpci-paths-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function write(name: string, text: string): string {
  const path = join(folder, name);
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, text);
  return path;
}

/** Names of the assignments, and what the user is shown, without the temporary folder. */
async function read(...paths: string[]): Promise<{ names: string[]; shown: string; complete: boolean }> {
  const { assignments, problems, complete } = await readPaths(paths);
  const shown = `\n${problems.map(formatProblem).join('\n')}\n`.replaceAll(`${folder}/`, '').replaceAll(folder, '.');
  return { names: assignments.map(({ assignment }) => assignment.metadata.name), shown, complete };
}

describe('the samples', () => {
  const samples = new URL('../../../manifests/samples', import.meta.url).pathname;

  it('are valid', async () => {
    expect(await read(samples)).toEqual({ names: ['media', 'storage', 'sys-net'], shown: '\n\n', complete: true });
  });
});

describe('a repository for many hosts', () => {
  const forHosts = (text: string, hosts: string): string => `${text.trimEnd()}\n  hosts: ${hosts}\n`;

  it('may use a name and a device once for each host', async () => {
    write('a.yaml', forHosts(assignmentYaml('net', '0000:01:00.0'), '[dom0-a, "dom0-a.*"]'));
    write('b.yaml', forHosts(assignmentYaml('net', '0000:01:00.0'), '[dom0-b]'));
    expect(await readPaths([folder])).toMatchObject({ valid: 2, problems: [] });
    expect(await readPaths([folder], hostIdentity(['dom0-b']))).toMatchObject({
      valid: 1,
      problems: [],
      elsewhere: { objects: 1, host: 'dom0-b' },
    });
  });

  it('may not use them twice where one host can be meant', async () => {
    write('a.yaml', forHosts(assignmentYaml('net', '0000:01:00.0'), '[dom0-a.example.org]'));
    write('b.yaml', forHosts(assignmentYaml('disk', '0000:01:00.0'), '["dom0-?"]'));
    const { problems } = await readPaths([folder]);
    expect(problems.map(({ code }) => code)).toEqual(['DuplicateDevice', 'DuplicateDevice']);
    expect((await readPaths([folder], hostIdentity(['dom0-b']))).problems).toEqual([]);
  });
});

describe('a folder', () => {
  it('is read with its subfolders, without hidden files and editors leftovers', async () => {
    write('b.yml', assignmentYaml('b'));
    write(
      'sub/deep/a.json',
      '{"apiVersion":"xenpci.dev/v1alpha1","kind":"PCIHostPolicy","metadata":{"name":"h"},"spec":{}}',
    );
    write('sub/c.yaml', assignmentYaml('c'));
    const ignored = [
      '.h.yaml',
      '.git/x.yaml',
      'x.yaml~',
      '.x.yaml.swp',
      'x.swp',
      '#x.yaml#',
      '4913',
      'README.md',
      'x.yaml.bak',
    ];
    for (const name of ignored) write(name, 'not: [a manifest');
    expect(await read(folder)).toEqual({ names: ['b', 'c'], shown: '\n\n', complete: true });
  });

  it('may have links in circles', async () => {
    write('a/a.yaml', assignmentYaml('a'));
    symlinkSync('..', join(folder, 'a', 'up'));
    symlinkSync('.', join(folder, 'here'));
    symlinkSync('me.yaml', join(folder, 'me.yaml'));
    const { names, shown } = await read(folder);
    expect(names).toEqual(['a']);
    expect(shown).toMatch(/^\nme\.yaml:1:1: error Unreadable: .*\(ELOOP\)\n$/);
  });

  it('that is empty, or of which a part cannot be had, is an error', async () => {
    expect(await read(folder)).toMatchObject({ names: [], complete: false });
    symlinkSync('nowhere', join(folder, 'gone'));
    symlinkSync('nowhere', join(folder, 'gone.yaml'));
    expect((await read(folder, join(folder, 'no.yaml'))).shown).toMatchInlineSnapshot(`
      "
      gone:1:1: error Unreadable: is not there, or is a link to nothing
      gone.yaml:1:1: error Unreadable: is not there, or is a link to nothing
      no.yaml:1:1: error Unreadable: is not there, or is a link to nothing
      "
    `);
  });
});

describe('a file', () => {
  it('that is named is read whatever its name', async () => {
    expect(await read(write('.hidden', assignmentYaml('a')))).toMatchObject({ names: ['a'], complete: true });
  });

  it('that is no regular file or too large is refused', async () => {
    execFileSync('mkfifo', [join(folder, 'pipe.yaml')]);
    write('large.yaml', `# ${'x'.repeat(1_048_576)}`);
    expect((await read(folder)).shown).toMatchInlineSnapshot(`
      "
      large.yaml:1:1: error TooLarge: is larger than 1048576 bytes; split it into several files
      pipe.yaml:1:1: error Unreadable: is not a regular file
      "
    `);
  });

  it('of the largest size is read', async () => {
    const text = assignmentYaml('a');
    write('a.yaml', `${text}#${'x'.repeat(1_048_576 - text.length - 1)}`);
    expect(await read(folder)).toMatchObject({ names: ['a'], complete: true });
  });
});

describe('several files', () => {
  it('with one name between them: both are told, and neither counts', async () => {
    write('a.yaml', assignmentYaml('net', '0000:01:00.0'));
    write('b.yaml', `---\n${assignmentYaml('other')}---\n${assignmentYaml('net', '0000:02:00.0')}`);
    expect(await read(folder)).toMatchInlineSnapshot(`
      {
        "complete": false,
        "names": [],
        "shown": "
      a.yaml:4:9: error DuplicateName: metadata.name: the PCIAssignment "net" stands at b.yaml:13:9 too; what was in force before stays
            name: net
                  ^
      b.yaml:13:9: error DuplicateName: metadata.name: the PCIAssignment "net" stands at a.yaml:4:9 too; what was in force before stays
            name: net
                  ^
      ",
      }
    `);
  });

  it('with two host policies: both are told', async () => {
    write('a.yaml', policyYaml('a', '00:1f.2'));
    write('b.yaml', policyYaml('b', '00:1f.2'));
    expect((await read(folder)).shown).toMatchInlineSnapshot(`
      "
      a.yaml:3:18: error DuplicateName: metadata.name: a PCIHostPolicy stands at b.yaml:3:18 too; what was in force before stays
          metadata: {name: a}
                           ^
      b.yaml:3:18: error DuplicateName: metadata.name: a PCIHostPolicy stands at a.yaml:3:18 too; what was in force before stays
          metadata: {name: b}
                           ^
      "
    `);
  });

  it('with two owners of a device: both are told, and both count', async () => {
    write('a.yaml', assignmentYaml('red', '0000:01:00.0'));
    write('b.yaml', assignmentYaml('blue', '0000:02:00.0', '01:00.0'));
    expect(await read(folder)).toMatchInlineSnapshot(`
      {
        "complete": true,
        "names": [
          "red",
          "blue",
        ],
        "shown": "
      a.yaml:9:16: error DuplicateDevice: spec.devices[0].address: the device 0000:01:00.0 stands at b.yaml:11:16 too; neither of them moves it
                address: 0000:01:00.0
                         ^
      b.yaml:11:16: error DuplicateDevice: spec.devices[1].address: the device 0000:01:00.0 stands at a.yaml:9:16 too; neither of them moves it
                address: 01:00.0
                         ^
      ",
      }
    `);
  });

  it('with several owners that take turns: no error, unless one does not, or one is there twice', async () => {
    const sharing = (name: string): string =>
      `${assignmentYaml(name, '0000:01:00.0').trimEnd()}\n      sharing: FirstStarted\n`;
    write('a.yaml', sharing('red'));
    write('b.yaml', sharing('blue'));
    expect((await read(folder)).shown.trim()).toBe('');
    write('c.yaml', assignmentYaml('green', '0000:01:00.0'));
    expect((await read(folder)).shown.match(/DuplicateDevice/g)).toHaveLength(3);
    write('c.yaml', `${sharing('green')}    - {name: again, address: "0000:01:00.0", sharing: FirstStarted}\n`);
    expect((await read(folder)).shown.match(/DuplicateDevice/g)).toHaveLength(4);
  });
});
