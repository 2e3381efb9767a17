import { type Command, Option } from 'commander';
import { API_VERSION } from '../../api/manifest.ts';
import { printableJson } from '../../daemon/printable-json.ts';
import { type Context, type Globals, globalsOf, withExamples } from '../context.ts';
import { type Check, mendText, type Result } from '../doctor/check.ts';
import { diagnose, type Findings, tally } from '../doctor/doctor.ts';
import { findings } from '../doctor/examined.ts';
import { ExitCode } from '../exit.ts';
import { showing } from '../terminal/progress.ts';
import { Screen } from '../terminal/screen.ts';
import type { Shell } from '../terminal/shell.ts';
import type { Tone } from '../terminal/table.ts';

const TONES: Readonly<Record<Result, Tone>> = { ok: 'good', warning: 'plain', failure: 'bad' };
const RESULT_WIDTH = 9;
const NAME_WIDTH_MIN = 13;
const MEND = '  mend:'.padEnd(RESULT_WIDTH);

/** `xenpci doctor`. */
export function doctorCommand(command: Command, { shell, end }: Context): Command {
  return withExamples(command, [
    ['After the installation, and when something is wrong', 'xenpci doctor'],
    ['In a script', 'xenpci doctor -o json >report.json || echo "exit code $?"'],
  ])
    .addOption(new Option('-o, --output <format>', 'form of the output').choices(['text', 'json']).default('text'))
    .addHelpText('after', '\nExit codes: 0 nothing has failed (warnings may be), 1 something has, 2 error.')
    .action(async ({ output }: { output: 'text' | 'json' }) => {
      const checks = diagnose(await examined(shell, globalsOf(command, shell)));
      const count = tally(checks);
      if (output === 'json') {
        const items = checks.map(({ mend, ...check }) => ({
          ...check,
          ...(mend && { mend: mendText(mend), ...mend }),
        }));
        const object = { apiVersion: API_VERSION, kind: 'Diagnosis', summary: count, checks: items };
        shell.stdout.write(printableJson(`${JSON.stringify(object, null, 2)}\n`));
      } else {
        show(new Screen(shell.stdout, shell), checks);
      }
      end(count.failure === 0 ? ExitCode.ok : ExitCode.different);
    });
}

function examined(shell: Shell, globals: Globals): Promise<Findings> {
  const open = new Set<string>();
  return showing(
    shell,
    () => ['checking', [...open].join(', ')].join(' ').trim(),
    () => findings(globals, shell.program, open),
  );
}

function show(screen: Screen, checks: readonly Check[]): void {
  const width = Math.max(NAME_WIDTH_MIN, ...checks.map(({ name }) => name.length + 2));
  for (const { name, result, message, mend = {} } of checks) {
    const { commands = [], words } = mend;
    screen.beside(`${result.padEnd(RESULT_WIDTH)}${name.padEnd(width)}`, message, TONES[result]);
    const heads = [MEND, ...commands.map(() => ' '.repeat(RESULT_WIDTH))];
    for (const [index, command] of commands.entries()) screen.whole(`${heads[index]}${command}`);
    if (words !== undefined) screen.beside(heads[commands.length] ?? '', words);
  }
  const { ok, warning, failure } = tally(checks);
  screen.line();
  screen.line(`${ok} ok, ${warning} ${warning === 1 ? 'warning' : 'warnings'}, ${failure} failed`);
}
