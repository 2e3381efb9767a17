import type { Answer } from '../../host/index.ts';

/** How one part of the host stands. `failure`: xenpci cannot do its work; `warning`: it can, and less than it could. */
export type Result = 'ok' | 'warning' | 'failure';

/** What is said of one part of the host. */
export interface Check {
  /** Stable, for programs: `xen`, `pciback`, `domain/sys-net` and so on. */
  readonly name: string;
  readonly result: Result;
  /** A sentence for people. */
  readonly message: string;
  readonly mend?: Mend;
}

/** What mends it. */
export interface Mend {
  /** To be pasted, each a line of its own, in this order. */
  readonly commands?: readonly string[];
  /** What else is to be done, after the commands, in words. */
  readonly words?: string;
}

/** All that mends it, in one line. */
export function mendText({ commands = [], words }: Mend): string {
  return [...(commands.length === 0 ? [] : [commands.join('; ')]), ...(words === undefined ? [] : [words])].join(', ');
}

/** What depends on something that did not answer, which has a line of its own, or could not be read. */
export function notChecked(name: string, answer: Answer<unknown>): Check {
  const [why = ''] = 'unknown' in answer ? answer.unknown.split('\n') : [];
  return { name, result: 'warning', message: `not checked: ${why}` };
}
