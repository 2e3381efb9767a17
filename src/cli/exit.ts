/** What the exit code of each command says. */
export const ExitCode: { readonly ok: 0; readonly different: 1; readonly error: 2; readonly forced: 130 } = {
  ok: 0,
  different: 1,
  error: 2,
  forced: 130,
};

export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

/** The table at the end of the program's help. */
export const EXIT_CODES_HELP = `
Exit codes:
  0    done; plan: nothing to do; reconcile: all Ready; validate: all valid
  1    plan: something to do; reconcile: something is not Ready or not valid;
       validate: something is not valid; approve: not approved;
       resume: suspended by its manifest;
       doctor: something has failed; wait: not in time;
       apply: not valid, or not Ready in time; try: went back, or refused
  2    error: wrong usage, the host could not be looked at, another controller
       runs; plan: a manifest is not valid, so the plan is not the whole
  130  ended at once by a second signal`;

/** Ends a command with exit code 2 and one message for people. */
export class CliError extends Error {
  override readonly name: string = 'CliError';
}
