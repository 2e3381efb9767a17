import { writeFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { messageOf } from '../../controller/message-of.ts';
import { renderPage } from '../../daemon/page/render.ts';
import { type Context, withExamples } from '../context.ts';
import { CliError, ExitCode } from '../exit.ts';
import { directOption, readLook } from '../looks/read-look.ts';
import { pageOf } from '../page/live.ts';
import { showing } from '../terminal/progress.ts';

/** `xenpci report`. */
export function reportCommand(command: Command, { shell, end }: Context): Command {
  return withExamples(command, [
    ['As a file for any browser', 'xenpci report dom0.html'],
    ['Over a pipe', 'ssh dom0 xenpci report >dom0.html'],
  ])
    .addOption(directOption())
    .addHelpText(
      'after',
      '\nThe page names domains, devices and files, and shows the lines of manifests that\nare not valid. Look at it before you give it away.',
    )
    .action(async (file: string | undefined, _: unknown) => {
      if (file === undefined && shell.stdout.isTerminal) throw new CliError('give a file name, or redirect the output');
      const look = await readLook(command, shell);
      const page = renderPage(await showing(shell, 'writing the page', () => pageOf(look, shell)), { live: false });
      if (file === undefined) shell.stdout.write(page);
      else await write(file, page);
      end(ExitCode.ok);
    });
}

async function write(file: string, text: string): Promise<void> {
  await writeFile(file, text).catch((cause: unknown) => {
    throw new CliError(`cannot write ${file}: ${messageOf(cause)}`, { cause });
  });
}
