import type { Command } from 'commander';
import { type Context, withExamples } from '../context.ts';
import { getAssignmentsCommand } from './get-assignments.ts';
import { getDevicesCommand } from './get-devices.ts';

/** `xenpci get`. */
export function getCommand(command: Command, context: Context): Command {
  return withExamples(command, [
    ['All devices of the host and where they are', 'xenpci get devices'],
    ['Whether each assignment is in place', 'xenpci get assignments'],
  ])
    .addCommand(getDevicesCommand(context))
    .addCommand(getAssignmentsCommand(context));
}
