import type { Command } from 'commander';
import { type Context, newCommand } from '../context.ts';
import { ExitCode } from '../exit.ts';
import { Screen } from '../screen.ts';
import { VERSION_TEXT } from '../version.ts';

/** `xenpci version`. */
export function versionCommand({ shell, end }: Context): Command {
  return newCommand('version', 'Show the version', [['The same as --version', 'xenpci version']]).action(() => {
    new Screen(shell.stdout, shell).line(VERSION_TEXT);
    end(ExitCode.ok);
  });
}
