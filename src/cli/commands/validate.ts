import type { Command } from 'commander';
import { type HostIdentity, hostIdentity } from '../../api/hosts.ts';
import { readPaths } from '../../source/read-paths.ts';
import { type Context, globalsOf, withExamples } from '../context.ts';
import { CliError, ExitCode } from '../exit.ts';
import { READING } from '../looks/in-force.ts';
import { manifestsInForce } from '../looks/survey.ts';
import { showing } from '../terminal/progress.ts';
import { Screen } from '../terminal/screen.ts';
import { elsewhereText } from '../views/elsewhere.ts';
import { showProblems } from '../views/problems.ts';

/** `xenpci validate`. */
export function validateCommand(command: Command, { shell, end }: Context): Command {
  return withExamples(command, [
    ['One file', 'xenpci validate sys-net.yaml'],
    ['Everything that the controller reads', 'xenpci validate'],
    ['What one host takes from a repository for many', 'xenpci validate --host dom0-a manifests/'],
    ['Before a commit', 'xenpci validate manifests/ && git commit'],
  ])
    .option(
      '--host <name>',
      "as the host of this name (or machine id) would read them; all hosts' objects if not given",
    )
    .addHelpText('after', '\nExit codes: 0 all valid, 1 something is not valid, 2 a path is unreadable.')
    .action(async (given: string[], { host }: { host?: string }) => {
      const globals = await manifestsInForce(globalsOf(command, shell));
      const paths = given.length === 0 ? [globals.manifests] : given;
      const { valid, problems, elsewhere } = await showing(shell, READING, () =>
        readPaths(paths, host === undefined ? undefined : hostNamed(host)),
      );
      showProblems(new Screen(shell.stderr, shell), problems);
      const screen = new Screen(shell.stdout, shell);
      screen.line(verdict(valid, problems.length), problems.length === 0 ? 'good' : 'plain');
      if (elsewhere !== undefined) screen.line(elsewhereText(elsewhere));
      if (problems.some(problem => problem.code === 'Unreadable')) return end(ExitCode.error);
      end(problems.length === 0 ? ExitCode.ok : ExitCode.different);
    });
}

/** @throws {CliError} for what no host can be called. */
function hostNamed(text: string): HostIdentity {
  const host = hostIdentity([text], text);
  if (host.names.length === 0) throw new CliError(`"${text}" is neither a host name nor a machine id`);
  return host;
}

function verdict(valid: number, problems: number): string {
  const documents = `${valid} ${valid === 1 ? 'document is' : 'documents are'} valid`;
  if (problems === 0) return `${documents}.`;
  return `${documents}; ${problems} ${problems === 1 ? 'problem' : 'problems'}.`;
}
