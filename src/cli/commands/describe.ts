import type { Command } from 'commander';
import { type Context, withExamples } from '../context.ts';
import { describeAssignmentCommand } from './describe-assignment.ts';
import { describeDeviceCommand } from './describe-device.ts';

/** `xenpci describe`. */
export function describeCommand(command: Command, context: Context): Command {
  return withExamples(command, [
    ['Why is this device not in its guest?', 'xenpci describe device 0000:03:00.0'],
    ['What keeps this assignment from being Ready?', 'xenpci describe assignment sys-net'],
  ])
    .addCommand(describeDeviceCommand(context))
    .addCommand(describeAssignmentCommand(context));
}
