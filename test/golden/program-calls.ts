import type { Command } from 'commander';
import { COMPLETE } from '../../src/cli/commands.ts';
import { createProgram } from '../../src/cli/program.ts';
import type { Shell } from '../../src/cli/terminal/shell.ts';

/** Every command of the program with those that it is below, itself first: `[]`, `['run']`, `['get', 'devices']`. */
export async function callsOf(shell: Shell): Promise<readonly (readonly string[])[]> {
  return [...walk(await programOf(shell), [])].map(({ call }) => call);
}

/** Every command that does something, with each form of output that it has: `['get', 'devices', '-o', 'wide']`. */
export async function formsOf(shell: Shell): Promise<readonly (readonly string[])[]> {
  return [...walk(await programOf(shell), [])].flatMap(({ command, call }) => {
    if (command.commands.length > 0) return [];
    const output = command.options.find(({ long }) => long === '--output');
    return output?.argChoices?.map(form => [...call, '-o', form]) ?? [call];
  });
}

function programOf(shell: Shell): Promise<Command> {
  return createProgram({ shell, end: () => undefined });
}

function* walk(command: Command, call: readonly string[]): Generator<{ command: Command; call: readonly string[] }> {
  yield { command, call };
  for (const below of command.commands) {
    if (below.name() !== COMPLETE) yield* walk(below, [...call, below.name()]);
  }
}
