import type { Command } from 'commander';
import { planSteps } from '../../plan/plan.ts';
import { type Context, globalsOf, withExamples } from '../context.ts';
import { ExitCode } from '../exit.ts';
import { LOOKING, survey } from '../looks/survey.ts';
import { showing } from '../terminal/progress.ts';
import { Screen } from '../terminal/screen.ts';
import { showPlan } from '../views/plan-view.ts';
import { showProblems } from '../views/problems.ts';

/** `xenpci plan`. */
export function planCommand(command: Command, { shell, end }: Context): Command {
  return withExamples(command, [
    ['What would the controller do now?', 'xenpci plan'],
    ['What would a changed copy of the manifests do?', 'xenpci plan --manifests ./manifests'],
    ['In a script', 'xenpci plan >/dev/null || echo "not in place: exit code $?"'],
  ])
    .addHelpText('after', '\nExit codes: 0 nothing to do, 1 something to do, 2 error, or not all valid.')
    .action(async () => {
      const look = await showing(shell, LOOKING, () => survey(globalsOf(command, shell)));
      showPlan(new Screen(shell.stdout, shell), look);
      const { problems } = look.source;
      if (problems.length > 0) {
        const screen = new Screen(shell.stderr, shell);
        showProblems(screen, problems);
        screen.line("What is not valid has no part in the plan; a file's last good content stays in force.");
        return end(ExitCode.error);
      }
      end(planSteps(look.plan).length > 0 ? ExitCode.different : ExitCode.ok);
    });
}
