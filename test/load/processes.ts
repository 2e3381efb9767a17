import { readdirSync, readFileSync } from 'node:fs';

/** What a process has used of the machine since it began. */
export interface Used {
  /** Of all its threads, ms. */
  readonly processorMs: number;
  /** How often a thread of it was woken from a rest of its own. */
  readonly wakeUps: number;
}

/** Sums up the threads of a process. @throws when it is not there. */
export function usedBy(pid: number): Used {
  let processorMs = 0;
  let wakeUps = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    const folder = `/proc/${pid}/task/${thread}`;
    processorMs += Number(readFileSync(`${folder}/schedstat`, 'utf8').split(' ')[0]) / 1e6;
    wakeUps += numberIn(readFileSync(`${folder}/status`, 'utf8'), 'voluntary_ctxt_switches');
  }
  return { processorMs, wakeUps };
}

/** Resident memory of a process, MiB. @throws when it is not there. */
export function residentMiB(pid: number): number {
  return numberIn(readFileSync(`/proc/${pid}/status`, 'utf8'), 'VmRSS') / 1024;
}

/** How many processes wanted a processor in the last minute. */
export function machineLoad(): number {
  return Number(readFileSync('/proc/loadavg', 'utf8').split(' ')[0]);
}

function numberIn(status: string, name: string): number {
  const [, text] = new RegExp(`^${name}:\\s*(\\d+)`, 'm').exec(status) ?? [];
  if (text === undefined) throw new Error(`no ${name} in /proc`);
  return Number(text);
}
