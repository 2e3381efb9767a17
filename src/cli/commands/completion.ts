import type { Command } from 'commander';
import { complete } from '../completion/complete.ts';
import { namesOf } from '../completion/names.ts';
import { SCRIPTS, type ShellName } from '../completion/scripts.ts';
import { type Context, globalsAmong, withExamples } from '../context.ts';
import { ExitCode } from '../exit.ts';

/** `xenpci completion`. */
export function completionCommand(command: Command, { shell, end }: Context): Command {
  return withExamples(command, [
    ['In bash, for this session', 'source <(xenpci completion bash)'],
    ['For all users; zsh', 'xenpci completion zsh >/usr/share/zsh/vendor-completions/_xenpci'],
    ['For all users; fish', 'xenpci completion fish >/usr/share/fish/vendor_completions.d/xenpci.fish'],
  ]).action((name: ShellName) => {
    shell.stdout.write(SCRIPTS[name]);
    end(ExitCode.ok);
  });
}

/** `xenpci __complete -- WORD...`: what the last word may become. Whatever goes wrong, it says nothing. */
export function completeCommand(command: Command, { shell, end }: Context): Command {
  return command.action(async (words: string[]) => {
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
