import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { runProgram } from '../../../src/cli/program.ts';
import { OBEYED, quietShell } from '../quiet-shell.ts';
import { promise, type Target, texts, type Verdict } from '../target.ts';
import { emptyDom0 } from '../temp.ts';

/** Commands that go on for some time by what they are told; how they read their options is tried with `--help` after them. */
const LASTING = new Set(['run', 'ui', 'try', 'wait', 'reconcile', 'events']);

const line = (...words: readonly string[]): string => words.join('\n');

/** The command line, a word a line. */
export const argv: Target = {
  name: 'argv',
  about: 'words of the command line: an exit code of the table, nothing that a terminal obeys, and no defect',
  seeds: texts(
    line('--help'),
    line('version'),
    line('explain', 'codes'),
    line('validate', 'm', '--host', 'x', '--help'),
    line('completion', 'bash'),
    line('__complete', '3', 'xenpci', 'get', 'dev'),
  ),
  dictionary: [
    ...[
      'run',
      'reconcile',
      'plan',
      'apply',
      'try',
      'validate',
      'approve',
      'suspend',
      'resume',
      'get',
      'describe',
      'explain',
    ],
    ...[
      'wait',
      'events',
      'hook',
      'export',
      'boot-hide',
      'report',
      'ui',
      'doctor',
      'completion',
      'version',
      'help',
      '__complete',
    ],
    ...[
      'devices',
      'assignments',
      'device',
      'assignment',
      'codes',
      'bash',
      'zsh',
      'fish',
      '0000:03:00.0',
      'sys-net',
      'prepare',
    ],
    ...[
      '--root',
      '--manifests',
      '--help',
      '--version',
      '-o',
      'json',
      'yaml',
      'name',
      'wide',
      'table',
      '--timeout',
      '--for',
      '--yes',
    ],
    ...[
      '--reason',
      '--once',
      '--wait',
      '--dry-run',
      '--all',
      '--host',
      '--address',
      '--domain',
      '-w',
      '--',
      '-',
      '=',
      '\n',
      '-1',
    ],
    ...[
      'condition=Ready',
      'delete',
      '1e9',
      '\x1b[2J',
      '\u202e',
      '\x9b',
      '\0',
      '__proto__',
      'constructor',
      'toString',
      '\\',
      '$(x)',
    ],
  ],
  heavy: function* () {
    yield Buffer.from(line('explain', 'x'.repeat(100_000)));
    yield Buffer.from(line('get', 'devices', '-o', 'y'.repeat(100_000)));
    yield Buffer.from(line(...Array.from({ length: 5_000 }, () => '--help')));
    yield Buffer.from(line('__complete', '9', ...Array.from({ length: 5_000 }, () => 'get')));
    yield Buffer.from(line('-'.repeat(50_000)));
    for (const command of [
      'plan',
      'validate',
      'approve',
      'get',
      'describe',
      'export',
      'boot-hide',
      'report',
      'doctor',
      'suspend',
      'resume',
    ]) {
      yield Buffer.from(line(command));
      yield Buffer.from(line(command, '\x1b[2J\u202e\x9b'));
      yield Buffer.from(line(command, 'devices', '--', '-x', '\x1b[2J'));
    }
  },
  quick: 300,
  full: 60_000,
  open() {
    const { layout, remove } = emptyDom0();
    const files = join(layout.root, 'files');
    mkdirSync(files);
    return {
      async run(input): Promise<Verdict> {
        const words = input
          .toString('utf8')
          .split('\n')
          .slice(0, 5_200)
          .map(word => tamed(word, files));
        const lasts = words.some(word => LASTING.has(word));
        const shell = quietShell(layout.root, Buffer.alloc(0));
        const code = await runProgram(lasts ? [...words, '--help'] : words, shell);
        promise([0, 1, 2, 130].includes(code), `exit code ${code}`);
        const said = `${shell.out()}${shell.err()}`;
        promise(!OBEYED.test(said), `a terminal would obey: ${JSON.stringify(said.slice(0, 500))}`);
        promise(!/\n {4}at /.test(said), `a defect: ${said}`);
        promise(said.length < 2_000_000, `an answer of ${said.length} characters`);
        return code === 0 ? 'accepted' : 'refused';
      },
      close: remove,
    };
  },
};

/** No path leads out of the folder of this target, whatever a word has become: some commands write files. */
function tamed(word: string, files: string): string {
  const [head = '', ...rest] = word.split('=');
  const path = (text: string): string =>
    /[/.~]/.test(text) && !/^[\w:.]*\.[0-7]$/.test(text)
      ? join(files, text.replaceAll(/[/.\0]/g, '_').slice(0, 100))
      : text;
  return [head.startsWith('-') ? head : path(head), ...rest.map(path)].join('=');
}
