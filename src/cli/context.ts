import { resolve } from 'node:path';
import { Command } from 'commander';
import { type Dom0Layout, dom0Layout } from '../api/layout.ts';
import type { ExitCode } from './exit.ts';
import type { Shell } from './terminal/shell.ts';

/** What every command is given: where it runs, and how it tells its exit code. */
export interface Context {
  readonly shell: Shell;
  readonly end: (code: ExitCode) => void;
}

/** The options that every command has. */
export interface Globals {
  readonly layout: Dom0Layout;
  /** The folder of manifests, absolute. */
  readonly manifests: string;
  /** Whether it was given on the command line. */
  readonly manifestsGiven: boolean;
}

/** A command with a summary for the list and examples below its own help. */
export function newCommand(name: string, summary: string, examples: Examples): Command {
  return withExamples(new Command(name).summary(summary).description(summary), examples);
}

/** Each is a comment and a line. */
type Examples = readonly (readonly [string, string])[];

/** Puts examples below a command's own help. */
export function withExamples(command: Command, examples: Examples): Command {
  const text = examples.map(([comment, line]) => `  # ${comment}\n  ${line}`).join('\n\n');
  return command.addHelpText('after', `\nExamples:\n${text}`);
}

/** Reads the global options. The root comes from `--root`, else from XENPCI_ROOT, else it is `/`. */
export function globalsOf(command: Command, shell: Shell): Globals {
  return globals(command.optsWithGlobals(), shell);
}

/** As `globalsOf`, for a line that is still being typed. */
export function globalsAmong(words: readonly string[], shell: Shell): Globals {
  const valueAfter = (name: string): string | undefined => {
    const at = words.lastIndexOf(name);
    return at === -1 ? undefined : words[at + 1];
  };
  return globals({ root: valueAfter('--root'), manifests: valueAfter('--manifests') }, shell);
}

function globals(
  { root, manifests }: { readonly root?: string | undefined; readonly manifests?: string | undefined },
  { env }: Shell,
): Globals {
  const layout = dom0Layout(resolve(root ?? (env['XENPCI_ROOT'] || '/')));
  return {
    layout,
    manifests: manifests === undefined ? layout.manifests : resolve(manifests),
    manifestsGiven: manifests !== undefined,
  };
}
