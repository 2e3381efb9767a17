import { Command, CommanderError } from 'commander';
import { messageOf } from '../daemon/message-of.ts';
import { COMMANDS, COMPLETE } from './commands.ts';
import { type Context, newCommand } from './context.ts';
import { CliError, EXIT_CODES_HELP, ExitCode } from './exit.ts';
import { Screen } from './terminal/screen.ts';
import type { Shell } from './terminal/shell.ts';
import { VERSION_TEXT } from './version.ts';

const HELP_WIDTH_MAX = 100;

/**
 * Runs the program.
 * @param args what stands after the program's name.
 * @returns the exit code; all that goes wrong has been told on standard error.
 */
export async function runProgram(args: readonly string[], shell: Shell): Promise<ExitCode> {
  let code: ExitCode = ExitCode.ok;
  const end = (ended: ExitCode): void => {
    code = ended;
  };
  try {
    await newProgram({ shell, end }).parseAsync([...args], { from: 'user' });
    return code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? ExitCode.ok : ExitCode.error;
    const screen = new Screen(shell.stderr, shell);
    screen.lines(`error: ${messageOf(error)}`, 'bad');
    // A CliError says all there is to say; anything else is a defect, and its trace is what a report needs.
    if (!(error instanceof CliError) && error instanceof Error && error.stack !== undefined) screen.lines(error.stack);
    return ExitCode.error;
  }
}

/** The program with all its commands: for what is made of its help. */
export async function createProgram(context: Context): Promise<Command> {
  const program = newProgram(context);
  for (const command of program.commands) await fill(command, context);
  return program;
}

/** The program; its commands have no more than their headings before they are called. */
function newProgram(context: Context): Command {
  const program = newCommand('xenpci', 'Keeps PCI devices of a Xen dom0 where YAML files say they belong', [
    ['See it work on a simulated dom0, without Xen', 'xenpci run --host simulated'],
    [
      'Check manifests, see what they would do, do it',
      'xenpci validate /etc/xenpci/manifests\n  xenpci plan\n  xenpci reconcile --once',
    ],
    ['Why is this card not where I want it?', 'xenpci describe device 0000:03:00.0'],
  ])
    .version(VERSION_TEXT)
    .option(
      '--root <dir>',
      "folder that holds dom0's file system; a simulated dom0 has its own (env: XENPCI_ROOT; default: /)",
    )
    .option('--manifests <dir>', 'folder of manifests (default: etc/xenpci/manifests under the root)')
    .addHelpText('after', EXIT_CODES_HELP);
  for (const { name, summary, argument, hidden = false } of COMMANDS) {
    const command = new Command(name).summary(summary).description(summary);
    if (argument !== undefined) command.addArgument(argument);
    program.addCommand(command, { hidden });
  }
  program.hook('preSubcommand', async (_, command) => {
    const needed = command.name() === COMPLETE ? program.commands : [command];
    for (const each of needed) await fill(each, context);
  });
  return configured(program, context.shell);
}

/** Gives a command its options and what it does. */
async function fill(command: Command, context: Context): Promise<void> {
  const entry = COMMANDS.find(({ name }) => name === command.name());
  if (entry !== undefined) configured((await entry.load())(command, context), context.shell);
}

/** Makes a command and those below it write to the shell, and throw instead of ending the process. */
function configured(command: Command, shell: Shell): Command {
  const width = Math.min(shell.stdout.columns ?? 80, HELP_WIDTH_MAX);
  command
    .exitOverride()
    .helpCommand(false)
    .showSuggestionAfterError()
    .showHelpAfterError('(--help says more)')
    .configureHelp({ showGlobalOptions: true, subcommandTerm })
    .configureOutput({
      writeOut: text => shell.stdout.write(text),
      writeErr: text => new Screen(shell.stderr, shell).lines(text.trimEnd()),
      getOutHelpWidth: () => width,
      getErrHelpWidth: () => width,
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    });
  for (const below of command.commands) configured(below, shell);
  return command;
}

/** A command as it stands in the list: its name and arguments. Aliases and options are in its own help. */
function subcommandTerm(command: Command): string {
  const names = command.registeredArguments.map(argument => {
    const name = `${argument.name()}${argument.variadic ? '...' : ''}`;
    return argument.required ? `<${name}>` : `[${name}]`;
  });
  return [command.name(), ...names].join(' ');
}
