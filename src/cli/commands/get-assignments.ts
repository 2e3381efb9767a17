import type { Command } from 'commander';
import { type Context, newCommand } from '../context.ts';
import { ExitCode } from '../exit.ts';
import { assignmentNamed, chosen } from '../find.ts';
import { directOption, readLook } from '../looks/read-look.ts';
import { Screen } from '../terminal/screen.ts';
import { showAssignments } from '../views/assignment-table.ts';
import { elsewhereText } from '../views/elsewhere.ts';
import { assignmentObject } from '../views/objects.ts';
import { type NamedFormat, namedFormatOption, printObjects } from '../views/output.ts';
import { showProblemsHint } from '../views/problems.ts';

/** `xenpci get assignments`. */
export function getAssignmentsCommand({ shell, end }: Context): Command {
  return newCommand('assignments', 'List assignments: domain, devices in place, readiness', [
    ['Every assignment, with its file and the whole message', 'xenpci get assignments -o wide'],
    ['One assignment with its status', 'xenpci get assignments sys-net -o yaml'],
  ])
    .alias('assignment')
    .argument('[name...]', 'which ones; all when none is given')
    .addOption(namedFormatOption())
    .addOption(directOption())
    .addHelpText('after', '\nAGE is how long READY has been so; only a running controller knows it.')
    .action(async (names: string[], { output }: { output: NamedFormat }, command: Command) => {
      const look = await readLook(command, shell);
      const assignments = chosen(names, look.status.assignments, name => assignmentNamed(look, name));
      if (output === 'json' || output === 'yaml') {
        const objects = assignments.map(assignment => assignmentObject(look, assignment));
        printObjects(shell.stdout, output, { objects, kind: 'PCIAssignment', single: names.length === 1 });
      } else if (output === 'name') {
        const screen = new Screen(shell.stdout, shell);
        for (const { name } of assignments) screen.line(`assignment/${name}`);
      } else {
        const now = look.controller === undefined ? undefined : look.now;
        showAssignments(new Screen(shell.stdout, shell), assignments, { now, wide: output === 'wide' });
      }
      const { elsewhere } = look.source;
      if (elsewhere !== undefined) new Screen(shell.stderr, shell).line(elsewhereText(elsewhere));
      showProblemsHint(new Screen(shell.stderr, shell), look);
      end(ExitCode.ok);
    });
}
