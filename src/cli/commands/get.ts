import type { Command } from 'commander';
import { type Context, newCommand } from '../context.ts';
import { getAssignmentsCommand } from './get-assignments.ts';
import { getDevicesCommand } from './get-devices.ts';

/** `xenpci get`. */
export function getCommand(context: Context): Command {
  return newCommand('get', 'List devices or assignments', [
    ['All devices of the host and where they are', 'xenpci get devices'],
    ['Whether each assignment is in place', 'xenpci get assignments'],
  ])
    .addCommand(getDevicesCommand(context))
    .addCommand(getAssignmentsCommand(context));
}
