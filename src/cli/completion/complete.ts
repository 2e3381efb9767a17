import type { Argument, Command, Option } from 'commander';

/** One thing that may stand where the cursor is. */
export interface Candidate {
  readonly text: string;
  /** For people; may be empty. */
  readonly description: string;
}

/** What kind of name may stand there as well: the shell knows files, the host knows the rest. */
export type NameKind = 'files' | 'folders' | 'devices' | 'assignments' | 'suspended' | 'domains';

/** What may stand where the cursor is. */
export interface Completion {
  readonly candidates: readonly Candidate[];
  readonly names?: NameKind;
}

const NOTHING: Completion = { candidates: [] };

/**
 * What the last of `words` may become. Pure: names of things are not looked up here.
 * @param words what stands after the program's name up to the cursor; the last may be empty.
 */
export function complete(program: Command, words: readonly string[]): Completion {
  const current = words.at(-1) ?? '';
  const state = walk(program, words.slice(0, -1));
  if (state.awaiting !== undefined) return startingWith(current, valuesOf(state.awaiting));
  if (!state.optionsEnded && current.startsWith('-')) return startingWith(current, optionsAt(state, current));
  return startingWith(current, operandsAt(state));
}

/** Where the words before the cursor lead to. */
interface State {
  readonly command: Command;
  /** How many arguments of the command have been given. */
  readonly given: number;
  readonly used: ReadonlySet<Option>;
  /** The option whose value comes next. */
  readonly awaiting?: Option;
  /** Whether `--` was among them. */
  readonly optionsEnded: boolean;
}

function walk(program: Command, words: readonly string[]): State {
  let state: State = { command: program, given: 0, used: new Set(), optionsEnded: false };
  for (const word of words) state = after(state, word);
  return state;
}

function after({ awaiting, ...state }: State, word: string): State {
  if (awaiting !== undefined) return state;
  if (state.optionsEnded || !/^-./.test(word)) return afterOperand(state, word);
  if (word === '--') return { ...state, optionsEnded: true };
  const option = optionNamed(state.command, word.replace(/=.*/s, ''));
  if (option === undefined) return state;
  const used = new Set([...state.used, option]);
  return { ...state, used, ...(takesValue(option) && !word.includes('=') ? { awaiting: option } : {}) };
}

function afterOperand(state: State, word: string): State {
  const below = state.given === 0 ? named(state.command, word) : undefined;
  return below === undefined ? { ...state, given: state.given + 1 } : { ...state, command: below };
}

function optionNamed(command: Command, name: string): Option | undefined {
  return optionsOf(command).find(({ short, long }) => short === name || long === name);
}

function named(command: Command, word: string): Command | undefined {
  return command.commands.find(each => each.name() === word || each.aliases().includes(word));
}

/** The options of a command and of those above it, which hold for it as well. */
function optionsOf(command: Command): Option[] {
  const own = [...command.createHelp().visibleOptions(command)];
  return command.parent === null ? own : [...own, ...optionsOf(command.parent).filter(option => !isHelp(option))];
}

function isHelp(option: Option): boolean {
  return option.long === '--help';
}

function takesValue(option: Option): boolean {
  return option.required || option.optional;
}

function optionsAt({ command, used }: State, current: string): Completion {
  const [name = '', value] = current.split(/=(.*)/s);
  if (value !== undefined) {
    const option = optionNamed(command, name);
    const { candidates } = option === undefined ? NOTHING : valuesOf(option);
    return { candidates: candidates.map(each => ({ ...each, text: `${name}=${each.text}` })) };
  }
  const left = optionsOf(command).filter(option => option.long !== undefined && (option.variadic || !used.has(option)));
  return { candidates: left.map(option => ({ text: option.long ?? '', description: option.description })) };
}

function operandsAt({ command, given }: State): Completion {
  const below = given === 0 ? command.createHelp().visibleCommands(command) : [];
  const commands = below.map(each => ({ text: each.name(), description: each.summary() }));
  const { registeredArguments: all } = command;
  const last = all.at(-1);
  const argument = all[given] ?? (last?.variadic === true ? last : undefined);
  const { candidates, names } = argument === undefined ? NOTHING : valuesOf(argument, command);
  return { candidates: [...commands, ...candidates], ...(names === undefined ? {} : { names }) };
}

/** What an option or an argument may be: its choices, or a kind of name by what it is called in the help. */
function valuesOf(what: Option | Argument, command?: Command): Completion {
  if (what.argChoices !== undefined) {
    return { candidates: what.argChoices.map(text => ({ text, description: '' })) };
  }
  const called = 'flags' in what ? (/[<[]([^>\].]+)/.exec(what.flags)?.[1] ?? '') : what.name();
  const names = 'flags' in what && what.long === '--domain' ? 'domains' : kindOf(called, command?.name());
  return names === undefined ? NOTHING : { candidates: [], names };
}

function kindOf(called: string, command: string | undefined): NameKind | undefined {
  switch (called) {
    case 'dir':
      return 'folders';
    case 'file':
    case 'path':
      return 'files';
    case 'address':
      return 'devices';
    case 'name':
      if (command === 'resume') return 'suspended';
      return /^(assignment|wait$|suspend$)/.test(command ?? '') ? 'assignments' : undefined;
    default:
      return undefined;
  }
}

function startingWith(current: string, { candidates, ...rest }: Completion): Completion {
  return { candidates: candidates.filter(({ text }) => text.startsWith(current)), ...rest };
}
