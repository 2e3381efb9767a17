import type { ManifestProblem } from '../../api/manifest.ts';
import { excerptLines, isEmptyFolder, problemLine } from '../../source/problem.ts';
import type { Survey } from '../looks/survey.ts';
import type { Screen } from '../terminal/screen.ts';
import { timeOfDay } from '../terminal/times.ts';

/** Shows each problem with its caret. */
export function showProblems(screen: Screen, problems: readonly ManifestProblem[]): void {
  for (const problem of problems) {
    screen.line(problemLine(problem), 'bad');
    for (const line of excerptLines(problem)) screen.whole(line, 'bad');
  }
}

/** Says below a list that it is not for long, when a manifest is on trial, and not the whole, when some are not valid. */
export function showProblemsHint(screen: Screen, { source, globals }: Survey): void {
  const { trial } = source;
  if (trial !== undefined) {
    const until = timeOfDay(trial.until);
    screen.line(`${trial.by} tries ${trial.file} until ${until}; xenpci try --confirm keeps it.`);
  }
  const count = source.problems.length;
  if (count === 0) return;
  if (source.assignments.length === 0 && isEmptyFolder(source.problems)) {
    screen.line(`There are no manifests in ${globals.manifests} yet, so no device is given to anybody.`);
    return;
  }
  const what = count === 1 ? '1 problem' : `${count} problems`;
  screen.line(`${what} in the manifests: xenpci validate ${globals.manifests}`, 'bad');
}
