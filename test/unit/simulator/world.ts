import type { Address } from '../../../src/api/address.ts';
import { at, DEFAULT_WORLD, Model, runXl, type World, type XlResult } from '../../../src/simulator/index.ts';

export const NIC: Address = at('0000:01:00.0');
export const NVME: Address = at('0000:02:00.0');
export const NIC2: Address = at('0000:03:00.0');
/** It has no reset of any kind. */
export const BARE: Address = at('0000:00:1a.0');
export const NOWHERE: Address = at('0000:99:00.0');

export function model(world: Partial<World> = {}): Model {
  return new Model({ ...DEFAULT_WORLD, ...world });
}

/** Runs `xl` with a command line split at spaces. */
export function xl(subject: Model, line: string): XlResult {
  return runXl(subject, {
    argv: line.split(' '),
    readConfig: path => {
      throw new Error(`no file ${path}`);
    },
  });
}
