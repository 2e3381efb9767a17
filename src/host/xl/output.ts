/** What xl said beside its exit code. `NotQuarantined`: it cannot take out of quarantine what is not in it. */
export type XlRemark = 'AlreadyAssignable' | 'NoOriginalDriver' | 'NotQuarantined' | 'NoSuchDevice';

/** How libxl words its remarks (tools/libs/light/libxl_pci.c, 4.17 and 4.20; seen in the lab). */
const REMARKS: readonly (readonly [XlRemark, string])[] = [
  ['AlreadyAssignable', 'already assigned to pciback'],
  ['NoOriginalDriver', "Couldn't find path for original driver"],
  ['NotQuarantined', 'failed to de-quarantine'],
  ['NoSuchDevice', "Couldn't lstat"],
];

/** The remarks in what xl wrote. */
export function remarksIn(text: string): XlRemark[] {
  return REMARKS.flatMap(([remark, words]) => (text.includes(words) ? [remark] : []));
}

/** Id, memory, processors, state and time of a row of `xl list`; the name before them may be anything. */
const ROW = /\s\d+\s+\d+\s+\d+\s+([a-z-]{6})\s+\d+\.\d\s*$/;

/** Whether a domain runs. `down`: it has shut down, crashed, or gone to sleep (`---ss-`, seen on 4.17), and is still there. */
export type Rest = 'none' | 'paused' | 'down';

/** How the domain in what `xl list DOMID` prints rests; undefined when its state is not shown. */
export function restIn(stdout: string): Rest | undefined {
  const states = stdout.split('\n').map(row => ROW.exec(row)?.[1]);
  const state = states.find(each => each !== undefined);
  if (state === undefined) return undefined;
  if (state.includes('p')) return 'paused';
  // xl_info.c: running, blocked, paused, shut down, why it shut down, dying.
  return state[3] === 's' ? 'down' : 'none';
}

/** Where libxl was in its code, before what it has to say. */
const ORIGIN = /^libxl: (?:error|warning|info): libxl\w*\.c:\d+:\w+: /;

/** What libxl said, without the places in its code. The first lines name the cause, later ones only follow from it. */
export function spokenWords(stderr: string): string {
  const lines = stderr.split('\n').map(line => line.replace(ORIGIN, '').trim());
  return lines
    .filter(line => line !== '')
    .slice(0, 4)
    .join('; ')
    .slice(0, 1_000);
}
