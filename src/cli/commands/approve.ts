import type { Command } from 'commander';
import { messageOf } from '../../controller/message-of.ts';
import { ApprovalFile } from '../../daemon/approval-file.ts';
import { detachesToApprove } from '../../plan/approval.ts';
import { type DetachStep, stepText } from '../../plan/step.ts';
import { type Context, globalsOf, withExamples } from '../context.ts';
import { CliError, ExitCode } from '../exit.ts';
import { LOOKING, type Survey, survey } from '../looks/survey.ts';
import { showing } from '../terminal/progress.ts';
import { Screen } from '../terminal/screen.ts';

/** How long an approval holds, minutes: long enough for guests that are slow to let go. */
const MINUTES = 15;

/** `xenpci approve`. */
export function approveCommand(command: Command, { shell, end }: Context): Command {
  return withExamples(command, [
    ['See what waits for approval, and be asked', 'xenpci approve'],
    ['In a script', 'xenpci approve --yes'],
  ])
    .option('--yes', 'do not ask')
    .addHelpText(
      'after',
      `\nExactly the detaches that are shown are approved, for these instances of the\nguests, for ${MINUTES} minutes.` +
        '\nExit codes: 0 approved, or nothing waits; 1 not approved; 2 error.',
    )
    .action(async ({ yes = false }: { yes?: boolean }) => {
      const globals = globalsOf(command, shell);
      const look = await showing(shell, LOOKING, () => survey(globals));
      // A controller that runs keeps to last good content, and so may want more than what can be read here.
      if (look.source.problems.length > 0) {
        throw new CliError('not every manifest is valid, so what waits is not known in full; see: xenpci validate');
      }
      const screen = new Screen(shell.stdout, shell);
      const waiting = detachesToApprove(look.plan.devices);
      if (waiting.length === 0) {
        screen.line('Nothing waits for approval.');
        return end(ExitCode.ok);
      }
      showTable(screen, look, waiting);
      if (!yes) {
        if (shell.ask === undefined)
          throw new CliError('there is no terminal to ask on; to approve: xenpci approve --yes');
        const answer = await shell.ask(`Approve ${counted(waiting.length)}? [y/N] `);
        if (!/^y(es)?$/i.test(answer.trim())) {
          screen.line('Not approved: the devices stay where they are.');
          return end(ExitCode.different);
        }
      }
      // They count from the answer: a person may have thought for long.
      const now = Date.now();
      const approvals = waiting.map(({ device, guest: { uuid, domid } }) => ({
        device,
        uuid,
        domid,
        until: now + MINUTES * 60_000,
      }));
      await new ApprovalFile(globals.layout).add(approvals, now).catch((cause: unknown) => {
        throw new CliError(`the approval cannot be written: ${messageOf(cause)}`, { cause });
      });
      const who = look.controller === undefined ? 'a controller that is started' : 'the running controller';
      screen.line(`Approved for ${MINUTES} minutes: ${who} takes ${counted(waiting.length)}.`);
      end(ExitCode.ok);
    });
}

function showTable(screen: Screen, { plan }: Survey, waiting: readonly DetachStep[]): void {
  const rows = waiting.map(({ device, guest }) => {
    const [, ...later] = plan.devices.get(device)?.afterApproval ?? [];
    return [device, guest.name, String(guest.domid), later.map(stepText).join(', then ') || undefined];
  });
  screen.table(['DEVICE', 'LEAVES', 'ID', 'THEN'], rows);
}

function counted(count: number): string {
  return count === 1 ? '1 detach' : `${count} detaches`;
}
