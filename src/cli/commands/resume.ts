import type { Command } from 'commander';
import type { SourcedAssignment } from '../../api/manifest.ts';
import type { Suspension } from '../../api/suspension.ts';
import { SuspensionFile } from '../../daemon/suspension-file.ts';
import { type Context, type Globals, globalsOf, withExamples } from '../context.ts';
import { CliError, ExitCode } from '../exit.ts';
import { noAssignmentText } from '../find.ts';
import { assignmentsInForce, READING } from '../looks/in-force.ts';
import { manifestsInForce } from '../looks/survey.ts';
import { bareName } from '../object-names.ts';
import { whoIs } from '../person.ts';
import { showing } from '../terminal/progress.ts';
import { Screen } from '../terminal/screen.ts';
import { written } from './suspend.ts';

/** `xenpci resume`. */
export function resumeCommand(command: Command, { shell, end }: Context): Command {
  return withExamples(command, [
    ['One assignment', 'xenpci resume sys-net'],
    ['All that is suspended at this machine', 'xenpci resume --all'],
  ])
    .option('--all', 'all that are suspended here; also begins a new record where the old one cannot be used')
    .addHelpText('after', '\nExit codes: 0 it is not suspended, 1 its manifest says suspend: true, 2 error.')
    .action(async (text: string | undefined, { all = false }: { all?: boolean }) => {
      const name = text && bareName(text);
      const globals = await manifestsInForce(globalsOf(command, shell));
      if ((name === undefined) !== all) throw new CliError('resume takes either the name of an assignment or --all');
      const screen = new Screen(shell.stdout, shell);
      const who = { at: Date.now(), by: whoIs(shell) };
      const file = new SuspensionFile(globals.layout);
      if (name === undefined) {
        await resumeAll(file, who, screen);
        return end(ExitCode.ok);
      }
      const given = await written(() => file.resume(assignment => assignment === name, who));
      const known = await showing(shell, READING, () => assignmentsInForce(globals));
      end(judge(screen, { known, globals, name, given }));
    });
}

async function resumeAll(file: SuspensionFile, who: { at: number; by: string }, screen: Screen): Promise<void> {
  if ('unusable' in (await file.load())) {
    await written(() => file.clear());
    return screen.line('What was suspended is not known; a new record is begun, and nothing is suspended by it.');
  }
  const given = await written(() => file.resume(() => true, who));
  if (given.length === 0) screen.line('Nothing is suspended at this machine.');
  for (const { assignment } of given) screen.line(`${assignment} is resumed.`);
}

interface Resumed {
  /** The assignments in force. */
  readonly known: readonly SourcedAssignment[];
  readonly globals: Globals;
  readonly name: string;
  /** What was suspended under that name. */
  readonly given: readonly Suspension[];
}

/** What is told of one that was given back, or that was not suspended here. */
function judge(screen: Screen, { known, globals, name, given }: Resumed): ExitCode {
  const found = known.find(({ assignment }) => assignment.metadata.name === name);
  if (found?.assignment.spec.suspend === true) {
    screen.line(`${name} is suspended by its manifest: set suspend: false in ${placeOf(found)}`);
    return ExitCode.different;
  }
  if (given.length > 0) {
    const gone = found === undefined ? ' No manifest has it any more, so its deletionPolicy applies.' : '';
    screen.line(`${name} is resumed.${gone}`);
    return ExitCode.ok;
  }
  const names = known.map(({ assignment }) => assignment.metadata.name);
  if (found === undefined) throw new CliError(noAssignmentText(name, names, globals.manifests));
  screen.line(`${name} is not suspended.`);
  return ExitCode.ok;
}

function placeOf({ origin }: SourcedAssignment): string {
  return `${origin.file}:${origin.line}`;
}
