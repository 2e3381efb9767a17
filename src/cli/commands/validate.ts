import type { Command } from 'commander';
import { readPaths } from '../../source/read-paths.ts';
import { type Context, newCommand } from '../context.ts';
import { ExitCode } from '../exit.ts';
import { showProblems } from '../problems.ts';
import { Screen } from '../screen.ts';

/** `xenpci validate`. */
export function validateCommand({ shell, end }: Context): Command {
  return newCommand('validate', 'Check manifests and show every problem with file, line, column and caret', [
    ['One file', 'xenpci validate sys-net.yaml'],
    ['Everything that the controller reads', 'xenpci validate /etc/xenpci/manifests'],
    ['Before a commit', 'xenpci validate manifests/ && git commit'],
  ])
    .argument('<path...>', 'files, or folders that are searched for .yaml, .yml and .json')
    .addHelpText('after', '\nExit codes: 0 all valid, 1 something is not valid, 2 a path is unreadable.')
    .action(async (paths: string[]) => {
      const { assignments, policy, problems } = await readPaths(paths);
      const valid = assignments.length + (policy === undefined ? 0 : 1);
      showProblems(new Screen(shell.stderr, shell), problems);
      new Screen(shell.stdout, shell).line(verdict(valid, problems.length), problems.length === 0 ? 'good' : 'plain');
      if (problems.some(problem => problem.code === 'Unreadable')) return end(ExitCode.error);
      end(problems.length === 0 ? ExitCode.ok : ExitCode.different);
    });
}

function verdict(valid: number, problems: number): string {
  const documents = `${valid} ${valid === 1 ? 'document is' : 'documents are'} valid`;
  if (problems === 0) return `${documents}.`;
  return `${documents}; ${problems} ${problems === 1 ? 'problem' : 'problems'}.`;
}
