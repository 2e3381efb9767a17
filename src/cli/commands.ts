import { Argument, type Command } from 'commander';
import { SHELLS } from './completion/scripts.ts';
import type { Context } from './context.ts';

/** A command as the list of all shows it. */
export interface CommandEntry {
  readonly name: string;
  readonly summary: string;
  readonly argument?: Argument;
  readonly hidden?: boolean;
  /** Whether it always changes, or has to know, what only who runs the controller may. `run` may have a host of its own. */
  readonly changes?: boolean;
  /** Loads what gives it its options and what it does: most of a short command's time is the loading of what others use. */
  readonly load: () => Promise<(command: Command, context: Context) => Command>;
}

/** The name of the command that the completion scripts ask; it is in no help. */
export const COMPLETE = '__complete';

/** All commands, in the order of the help. */
export const COMMANDS: readonly CommandEntry[] = [
  {
    name: 'run',
    summary: 'Keep devices where the manifests say, until told to stop',
    load: async () => (await import('./commands/run.ts')).runCommand,
  },
  {
    name: 'reconcile',
    summary: 'Bring everything into place now, and say how it stands',
    changes: true,
    load: async () => (await import('./commands/reconcile.ts')).reconcileCommand,
  },
  {
    name: 'plan',
    summary: 'Show what would be done and why, and change nothing',
    load: async () => (await import('./commands/plan.ts')).planCommand,
  },
  {
    name: 'apply',
    summary: 'Check a manifest with all others, and put it into their folder',
    argument: new Argument('<file>', 'goes into the folder under its own name, in place of a file of that name'),
    changes: true,
    load: async () => (await import('./commands/apply.ts')).applyCommand,
  },
  {
    name: 'try',
    summary: 'Put a manifest in force for a time, and go back unless you keep it',
    argument: new Argument('[file]', 'takes the place of a file of that name in the folder'),
    changes: true,
    load: async () => (await import('./commands/try.ts')).tryCommand,
  },
  {
    name: 'approve',
    summary: 'Approve the detaches that wait for approval',
    changes: true,
    load: async () => (await import('./commands/approve.ts')).approveCommand,
  },
  {
    name: 'suspend',
    summary: 'Leave one assignment alone until it is resumed',
    argument: new Argument('<name>', 'the assignment'),
    changes: true,
    load: async () => (await import('./commands/suspend.ts')).suspendCommand,
  },
  {
    name: 'resume',
    summary: 'Give back what was suspended',
    argument: new Argument('[name]', 'the assignment; its manifest may be gone'),
    changes: true,
    load: async () => (await import('./commands/resume.ts')).resumeCommand,
  },
  {
    name: 'validate',
    summary: 'Check manifests and show every problem with file, line, column and caret',
    argument: new Argument(
      '[path...]',
      'files, or folders that are searched for .yaml, .yml and .json; the folder of manifests when none is given',
    ),
    load: async () => (await import('./commands/validate.ts')).validateCommand,
  },
  {
    name: 'get',
    summary: 'List devices or assignments',
    load: async () => (await import('./commands/get.ts')).getCommand,
  },
  {
    name: 'describe',
    summary: 'Explain one device or one assignment: why it is as it is, and what is next',
    load: async () => (await import('./commands/describe.ts')).describeCommand,
  },
  {
    name: 'explain',
    summary: 'Explain a field of the manifests, or a reason or error code',
    argument: new Argument('<what>', 'a code, a kind, or a field such as spec.devices.reset'),
    load: async () => (await import('./commands/explain.ts')).explainCommand,
  },
  {
    name: 'events',
    summary: 'Show what has changed or been tried, and who asked for it',
    load: async () => (await import('./commands/events.ts')).eventsCommand,
  },
  {
    name: 'wait',
    summary: 'Wait until assignments are as they should be',
    argument: new Argument('<name...>', 'assignments, as NAME or assignment/NAME'),
    load: async () => (await import('./commands/wait.ts')).waitCommand,
  },
  {
    name: 'hook',
    summary: 'Prepare or refuse the start of a domain; libvirt calls it',
    argument: new Argument(
      '<call...>',
      'what libvirt passes: DOMAIN PHASE SUBPHASE EXTRA; it acts in phase prepare only',
    ),
    load: async () => (await import('./commands/hook.ts')).hookCommand,
  },
  {
    name: 'export',
    summary: 'Write manifests from what is attached now',
    load: async () => (await import('./commands/export.ts')).exportCommand,
  },
  {
    name: 'report',
    summary: 'Write all there is to see of this host as one page, to attach to a ticket',
    argument: new Argument('[file]', 'where to write it (default: standard output)'),
    load: async () => (await import('./commands/report.ts')).reportCommand,
  },
  {
    name: 'ui',
    summary: 'Serve a page of this host to your browser, until told to stop',
    load: async () => (await import('./commands/ui.ts')).uiCommand,
  },
  {
    name: 'boot-hide',
    summary: 'Show what hides the assigned devices from dom0 at boot',
    load: async () => (await import('./commands/boot-hide.ts')).bootHideCommand,
  },
  {
    name: 'doctor',
    summary: 'Check whether this host is fit for xenpci, and say what mends it',
    load: async () => (await import('./commands/doctor.ts')).doctorCommand,
  },
  {
    name: 'completion',
    summary: 'Print what makes a shell complete commands, options and names',
    argument: new Argument('<shell>', 'the shell').choices(SHELLS),
    load: async () => (await import('./commands/completion.ts')).completionCommand,
  },
  {
    name: 'version',
    summary: 'Show the version',
    load: async () => (await import('./commands/version.ts')).versionCommand,
  },
  {
    name: COMPLETE,
    summary: '',
    argument: new Argument('[words...]'),
    hidden: true,
    load: async () => (await import('./commands/completion.ts')).completeCommand,
  },
];
