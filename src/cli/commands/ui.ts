import type { Command } from 'commander';
import { messageOf } from '../../controller/message-of.ts';
import type { ServedPage } from '../../daemon/page/server.ts';
import { StopRequests } from '../../daemon/stop-requests.ts';
import { type Context, globalsOf, withExamples } from '../context.ts';
import { CliError, ExitCode } from '../exit.ts';
import { LOOKING, openLookout } from '../looks/survey.ts';
import { LivePage } from '../page/live.ts';
import { port } from '../terminal/numbers.ts';
import { showing } from '../terminal/progress.ts';
import { Screen } from '../terminal/screen.ts';
import type { Shell } from '../terminal/shell.ts';

/** What a person does with the address; a program that reads it needs no telling. */
const HINT = 'Open that in a browser on this machine. Ctrl-C ends it; it changes nothing.';

/** `xenpci ui`. */
export function uiCommand(command: Command, { shell, end }: Context): Command {
  return withExamples(command, [
    ['Here', 'xenpci ui'],
    ['From elsewhere', 'ssh -L 8421:127.0.0.1:8421 dom0 xenpci ui --port 8421'],
  ])
    .option('--port <number>', 'port of 127.0.0.1 (default: any that is free)', port)
    .addHelpText('after', '\nWhoever has the address, which has a secret in it, can look, and change nothing.')
    .action(async (options: { readonly port?: number }) => {
      const lookout = await openLookout(globalsOf(command, shell));
      try {
        const page = await serve(new LivePage(lookout, shell), options.port ?? 0, shell);
        new Screen(shell.stdout, shell).whole(page.url);
        if (shell.stderr.isTerminal) new Screen(shell.stderr, shell).line(HINT);
        await stopRequested(shell.onStop);
        await page.close();
      } finally {
        await lookout.close();
      }
      end(ExitCode.ok);
    });
}

async function serve(page: LivePage, where: number, shell: Shell): Promise<ServedPage> {
  // What cannot be looked at is said here, and not only in a browser.
  await showing(shell, LOOKING, () => page.state());
  // Loaded here: no other command needs a web server, and each starts faster without.
  const { servePage } = await import('../../daemon/page/server.ts');
  const tell = (error: unknown): void =>
    new Screen(shell.stderr, shell).line(`a request failed: ${messageOf(error)}`, 'bad');
  return servePage(page, where, tell).catch((cause: unknown) => {
    throw new CliError(`cannot serve on 127.0.0.1 port ${where}: ${messageOf(cause)}`, { cause });
  });
}

async function stopRequested(onStop: ConstructorParameters<typeof StopRequests>[0]): Promise<void> {
  const requests = new StopRequests(onStop);
  await new Promise<void>(resolve => requests.listen(() => resolve()));
  requests.end();
}
