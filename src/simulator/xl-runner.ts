import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseAddress } from '../api/address.ts';
import { type Faults, InjectedFault, type Operation, strike } from './faults.ts';
import type { Model } from './model/model.ts';
import { runXl, type XlResult } from './model/xl.ts';

/** The operations that faults know, by xl's names. */
const OPERATIONS: ReadonlyMap<string, Operation> = new Map<string, Operation>([
  ['pci-assignable-add', 'bind'],
  ['pci-assignable-remove', 'release'],
  ['pci-attach', 'attach'],
  ['pci-detach', 'detach'],
  ['create', 'start'],
  ['destroy', 'stop'],
]);

const CLAIMED: XlResult = { status: 0, stdout: '', stderr: '' };

/** Runs `xl` as the program in the root folder does: with its time and its faults. */
export class XlRunner {
  readonly #model: Model;
  readonly #faults: Faults;
  readonly #latencyMs: number;

  /** @param latencyMs how long each run takes at least. */
  constructor(model: Model, faults: Faults, latencyMs: number) {
    this.#model = model;
    this.#faults = faults;
    this.#latencyMs = latencyMs;
  }

  /** @param folder where relative paths among the arguments begin. @returns what the run leaves behind. */
  async run(argv: readonly string[], folder: string): Promise<XlResult> {
    const operation = OPERATIONS.get(argv.find(argument => !argument.startsWith('-')) ?? '');
    const device = argv.map(argument => parseAddress(argument.split(',')[0] ?? '')).find(found => found !== undefined);
    const { kind, delayMs } = operation === undefined ? NO_FAULT : this.#faults.take(operation, device);
    await sleep(this.#latencyMs + delayMs);
    const readConfig = (path: string): string => readFileSync(resolve(folder, path), 'utf8');
    try {
      return strike(kind, () => runXl(this.#model, { argv, readConfig }), CLAIMED);
    } catch (error) {
      if (!(error instanceof InjectedFault)) throw error;
      return { status: 1, stdout: '', stderr: `libxl: error: ${error.message}\n` };
    }
  }
}

const NO_FAULT: { kind: undefined; delayMs: number } = { kind: undefined, delayMs: 0 };
