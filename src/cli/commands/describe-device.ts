import type { Command } from 'commander';
import { type Context, newCommand } from '../context.ts';
import { ExitCode } from '../exit.ts';
import { deviceAt } from '../find.ts';
import { directOption, readLook } from '../looks/read-look.ts';
import { Screen } from '../terminal/screen.ts';
import { showDevice } from '../views/device-view.ts';
import { showProblemsHint } from '../views/problems.ts';

/** `xenpci describe device`. */
export function describeDeviceCommand({ shell, end }: Context): Command {
  return newCommand('device', 'Explain one device: what it is, who has it in each view, what is planned', [
    ['Where the card is, why, and what you can do', 'xenpci describe device 0000:03:00.0'],
    ['Segment 0000 may be left out', 'xenpci describe device 03:00.0'],
  ])
    .alias('devices')
    .argument('<address>', 'such as 0000:03:00.0')
    .addOption(directOption())
    .action(async (name: string, _: unknown, command: Command) => {
      const look = await readLook(command, shell);
      showDevice(new Screen(shell.stdout, shell), look, deviceAt(look, name));
      showProblemsHint(new Screen(shell.stderr, shell), look);
      end(ExitCode.ok);
    });
}
