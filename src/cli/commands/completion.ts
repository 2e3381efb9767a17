import { Argument, Command } from 'commander';
import { complete } from '../completion/complete.ts';
import { namesOf } from '../completion/names.ts';
import { SCRIPTS, SHELLS, type ShellName } from '../completion/scripts.ts';
import { type Context, globalsAmong, newCommand } from '../context.ts';
import { ExitCode } from '../exit.ts';

/** `xenpci completion`. */
export function completionCommand({ shell, end }: Context): Command {
  return newCommand('completion', 'Print what makes a shell complete commands, options and names', [
    ['In bash, for this session', 'source <(xenpci completion bash)'],
    ['For all users; zsh', 'xenpci completion zsh >/usr/share/zsh/vendor-completions/_xenpci'],
    ['For all users; fish', 'xenpci completion fish >/usr/share/fish/vendor_completions.d/xenpci.fish'],
  ])
    .addArgument(new Argument('<shell>', 'the shell').choices(SHELLS))
    .action((name: ShellName) => {
      shell.stdout.write(SCRIPTS[name]);
      end(ExitCode.ok);
    });
}

/** The name of the command that the scripts ask; it is in no help. */
export const COMPLETE = '__complete';

/** `xenpci __complete -- WORD...`: what the last word may become. Whatever goes wrong, it says nothing. */
export function completeCommand({ shell, end }: Context): Command {
  return new Command(COMPLETE).argument('[words...]').action(async (words: string[], _, command: Command) => {
    const program = command.parent ?? command;
    const { candidates, names } = complete(program, words);
    const found = candidates.map(({ text, description }) => `${text}\t${description}`);
    const asked = names === 'files' || names === 'folders' ? undefined : names;
    if (asked !== undefined) {
      const all = await namesOf(asked, globalsAmong(words, shell));
      found.push(...all.filter(name => name.startsWith(words.at(-1) ?? '')).map(name => `${name}\t`));
    }
    const rest = names === undefined || names === asked ? 'nothing' : names;
    for (const line of [...found, `:${rest}`]) shell.stdout.write(`${line}\n`);
    end(ExitCode.ok);
  });
}
