import type { Command } from 'commander';
import { type Context, globalsOf, withExamples } from '../context.ts';
import { CliError, ExitCode } from '../exit.ts';
import { type ExportedAssignment, exportedAssignments } from '../export/exported.ts';
import { exportText } from '../export/text.ts';
import { LOOKING, survey } from '../looks/survey.ts';
import { showing } from '../terminal/progress.ts';
import { Screen } from '../terminal/screen.ts';

interface Options {
  readonly domain: readonly string[];
  readonly address?: boolean;
}

/** `xenpci export`. */
export function exportCommand(command: Command, { shell, end }: Context): Command {
  return withExamples(command, [
    ['Everything that domains have, or get when they start', 'xenpci export >/etc/xenpci/manifests/all.yaml'],
    ['One domain, its devices by address instead of path', 'xenpci export --domain sys-net --address'],
  ])
    .option('--domain <name>', 'only this domain; may be given several times', collected, [])
    .option('--address', 'name devices by address, which moves with bus numbers, instead of path')
    .addHelpText('after', '\nExit codes: 0 written, 2 error. With what it writes, no device is moved.')
    .action(async ({ domain, address = false }: Options) => {
      const { observed } = await showing(shell, LOOKING, () => survey(globalsOf(command, shell)));
      for (const name of domain) {
        if (!observed.domains.some(found => found.name === name)) throw new CliError(`there is no domain "${name}"`);
      }
      const all = exportedAssignments(observed);
      const asked = domain.length === 0 ? all : all.filter(item => domain.includes(item.domain.name));
      shell.stdout.write(asked.map(item => exportText(item, address)).join('---\n'));
      showMissing(new Screen(shell.stderr, shell), domain, asked);
      end(ExitCode.ok);
    });
}

function collected(value: string, before: readonly string[]): readonly string[] {
  return [...before, value];
}

function showMissing(screen: Screen, names: readonly string[], asked: readonly ExportedAssignment[]): void {
  if (asked.length === 0 && names.length === 0) screen.line('No domain has a PCI device.');
  for (const name of names) {
    if (!asked.some(({ domain }) => domain.name === name)) screen.line(`${name} has no PCI device of its own.`);
  }
}
