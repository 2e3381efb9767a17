import type { Command } from 'commander';
import { type Context, withExamples } from '../context.ts';
import { ExitCode } from '../exit.ts';
import { Screen } from '../terminal/screen.ts';
import { VERSION_TEXT } from '../version.ts';

/** `xenpci version`. */
export function versionCommand(command: Command, { shell, end }: Context): Command {
  return withExamples(command, [['The same as --version', 'xenpci version']]).action(() => {
    new Screen(shell.stdout, shell).line(VERSION_TEXT);
    end(ExitCode.ok);
  });
}
