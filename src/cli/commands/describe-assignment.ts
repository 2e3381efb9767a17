import type { Command } from 'commander';
import { type Context, newCommand } from '../context.ts';
import { ExitCode } from '../exit.ts';
import { assignmentNamed } from '../find.ts';
import { directOption, readLook } from '../looks/read-look.ts';
import { Screen } from '../terminal/screen.ts';
import { showAssignment } from '../views/assignment-view.ts';
import { showProblemsHint } from '../views/problems.ts';

/** `xenpci describe assignment`. */
export function describeAssignmentCommand({ shell, end }: Context): Command {
  return newCommand('assignment', 'Explain one assignment: its domain, devices, conditions, plan', [
    ['What keeps it from being Ready, and what you can do', 'xenpci describe assignment sys-net'],
  ])
    .alias('assignments')
    .argument('<name>', 'name of the assignment')
    .addOption(directOption())
    .action(async (name: string, _: unknown, command: Command) => {
      const look = await readLook(command, shell);
      showAssignment(new Screen(shell.stdout, shell), look, assignmentNamed(look, name));
      showProblemsHint(new Screen(shell.stderr, shell), look);
      end(ExitCode.ok);
    });
}
