import { expect } from 'vitest';
import { type CapturedOptions, leftOnTerminal, type Ran, run as runCaptured } from '../unit/cli/captured-shell.ts';

/** Columns of the terminal that every screen for people has to fit. */
const COLUMNS = 80;

/** Commands and forms whose whole output is for programs, or is wide because somebody asked for it. */
const FOR_PROGRAMS = [
  /^(export|completion|__complete|hook)\b/,
  /(^| )-o (json|yaml|wide|name|modprobe|parameter)\b/,
  /^report$/,
];

/** The only lines that may be longer: nothing but a command, a path or a setting, which people paste whole. */
const UNBREAKABLE = [
  // What `doctor` tells people to paste.
  /^(?: {2}mend: {2}| {9})(?:install -D -m 755|install -d -m 755|chmod|chown|xenpci export|xenpci validate|xenpci boot-hide) \S/,
  // What `run` on a simulated dom0 tells people to paste in another shell, and where its manifests are.
  /^ {12}XENPCI_ROOT=\S+ node \S+ (?:get devices|describe assignment sys-net)$/,
  /^Manifests: {2}\S+$/,
  // What `boot-hide` tells people to put into files.
  /^(?:options xen-pciback |xen-pciback\.)hide=\S+$/,
  // One word, such as a path or an address with a secret.
  /^ *\S+$/,
];

/** The lines of a screen that a terminal of 80 columns would break, and that are not named above. */
export function tooLong(args: readonly string[], text: string): readonly string[] {
  if (FOR_PROGRAMS.some(each => each.test(args.join(' ')))) return [];
  const long = text.split('\n').filter(line => Array.from(line).length > COLUMNS);
  return long.filter(line => !UNBREAKABLE.some(each => each.test(line)));
}

/** Runs the program to its end on a terminal of 80 columns without colour, and holds every line of it to these. */
export async function run(args: readonly string[], options: CapturedOptions = {}): Promise<Ran> {
  const env = { ...options.env, NO_COLOR: '1' };
  const terminal = { isTerminal: true, columns: COLUMNS, isTyped: false };
  const { code, out, err } = await runCaptured(args, { ...terminal, ...options, env });
  const ran = { code, out: leftOnTerminal(out), err: leftOnTerminal(err) };
  expect(tooLong(args, `${ran.out}\n${ran.err}`)).toEqual([]);
  return ran;
}

/** A screen as one line, for what has to stand on it wherever lines end. */
export function inOneLine(screen: string): string {
  return screen.replaceAll(/\s+/g, ' ').trim();
}
