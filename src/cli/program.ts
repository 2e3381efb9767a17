import { Command, CommanderError } from 'commander';
import { messageOf } from '../controller/message-of.ts';
import { COMMANDS, COMPLETE } from './commands.ts';
import { type Context, globalsOf, newCommand } from './context.ts';
import { CliError, EXIT_CODES_HELP, ExitCode } from './exit.ts';
import { kindsApart } from './object-names.ts';
import { isDenied, requireRights, whoMay } from './rights.ts';
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
    await newProgram({ shell, end }).parseAsync(kindsApart(args), { from: 'user' });
    return code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? ExitCode.ok : ExitCode.error;
    showError(new Screen(shell.stderr, shell), error, isDenied(error) ? whoMay(args) : undefined);
    return ExitCode.error;
  }
}

/** @param mayNot what is said where all that is wrong is that this user may not. */
function showError(screen: Screen, error: unknown, mayNot: string | undefined): void {
  screen.lines(`error: ${messageOf(error)}`, 'bad');
  if (mayNot !== undefined) screen.line(mayNot);
  // A CliError says all there is to say; anything else is a defect, and its trace is what a report needs.
  if (mayNot !== undefined || error instanceof CliError || !(error instanceof Error)) return;
  for (const line of error.stack?.split('\n') ?? []) screen.whole(line);
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
    ['Check manifests, see what they would do, do it', 'xenpci validate\n  xenpci plan\n  xenpci reconcile --once'],
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
  program.hook('preAction', async (_, command) => {
    const entry = COMMANDS.find(({ name }) => name === command.name());
    if (entry?.changes === true) await requireRights(globalsOf(command, context.shell).layout);
  });
  program.hook('preSubcommand', async (_, command) => {
    const needed = command.name() === COMPLETE ? program.commands : [command];
    for (const each of needed) await fill(each, context);
  });
  // A command is configured when it is filled: one of them is called.
  return configuredAlone(program, context.shell);
}

/** Gives a command its options and what it does. */
async function fill(command: Command, context: Context): Promise<void> {
  const entry = COMMANDS.find(({ name }) => name === command.name());
  if (entry !== undefined) configured((await entry.load())(command, context), context.shell);
}

/** Makes a command and those below it write to the shell, and throw instead of ending the process. */
function configured(command: Command, shell: Shell): Command {
  for (const below of command.commands) configured(below, shell);
  return configuredAlone(command, shell);
}

function configuredAlone(command: Command, shell: Shell): Command {
  const width = Math.min(shell.stdout.columns ?? 80, HELP_WIDTH_MAX);
  return command
    .exitOverride()
    .helpCommand(false)
    .showSuggestionAfterError()
    .showHelpAfterError(kindsText(command) ?? '(--help says more)')
    .configureHelp({ showGlobalOptions: true, subcommandTerm })
    .configureOutput({
      writeOut: text => shell.stdout.write(text),
      writeErr: text => new Screen(shell.stderr, shell).lines(text.trimEnd()),
      getOutHelpWidth: () => width,
      getErrHelpWidth: () => width,
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    });
}

/** What is to be told where a kind is missing, as in `describe sys-net`. */
function kindsText(command: Command): string | undefined {
  if (command.parent === null || command.commands.length === 0) return undefined;
  const calls = command.commands.map(below => `xenpci ${command.name()} ${subcommandTerm(below)}`);
  return `(${calls.join(', or ')})`;
}

/** A command as it stands in the list: its name and arguments. Aliases and options are in its own help. */
function subcommandTerm(command: Command): string {
  const names = command.registeredArguments.map(argument => {
    const name = `${argument.name()}${argument.variadic ? '...' : ''}`;
    return argument.required ? `<${name}>` : `[${name}]`;
  });
  return [command.name(), ...names].join(' ');
}
