import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type SimulatedDom0, startSimulatedDom0 } from '../../src/simulator/index.ts';
import type { World } from '../../src/simulator/model/world.ts';
import { CHECKOUT } from '../unit/cli/captured-shell.ts';

/** A simulated dom0 of this process, with a folder of manifests where the program looks for it. */
export interface SimulatedHost {
  readonly dom0: SimulatedDom0;
  readonly root: string;
  /** Writes a manifest. @returns its path. */
  readonly write: (file: string, text: string) => string;
  /** A text of the program with what differs from run to run made the same. */
  readonly golden: (text: string) => string;
  readonly end: () => Promise<void>;
}

export async function simulatedHost(world?: World): Promise<SimulatedHost> {
  // Not the temporary folder of the environment: a socket's path has little room.
  const root = mkdtempSync('/tmp/xenpci-');
  const dom0 = await startSimulatedDom0({ root, ...(world === undefined ? {} : { world }) });
  mkdirSync(dom0.layout.manifests, { recursive: true });
  return {
    dom0,
    root,
    write(file, text) {
      const path = join(dom0.layout.manifests, file);
      writeFileSync(path, text);
      return path;
    },
    golden: text =>
      text
        .replaceAll(dom0.layout.manifests, '/m')
        .replaceAll(root, '/root')
        .replaceAll(CHECKOUT, '/checkout')
        .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'DATE')
        .replaceAll(/^\d\d:\d\d:\d\d /gm, 'HH:MM:SS ')
        .replaceAll(/\(\d[\d.]* m?s\)/g, '(TIME)'),
    async end() {
      await dom0.stop();
      rmSync(root, { recursive: true, force: true });
    },
  };
}
