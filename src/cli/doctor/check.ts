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
  /** The command, or what else mends it. */
  readonly mend?: string;
}

/** What depends on something that did not answer, which has a line of its own, or could not be read. */
export function notChecked(name: string, answer: Answer<unknown>): Check {
  const [why = ''] = 'unknown' in answer ? answer.unknown.split('\n') : [];
  return { name, result: 'warning', message: `not checked: ${why}` };
}
