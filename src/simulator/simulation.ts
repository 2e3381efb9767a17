import { access } from 'node:fs/promises';
import { join } from 'node:path';
import type { Dom0Layout } from '../api/layout.ts';
import type { Faults } from './faults.ts';
import type { Libvirtd } from './libvirtd/server.ts';
import type { Model } from './model/model.ts';
import type { Xenstored } from './xenstored/server.ts';
import type { XlRunner } from './xl-runner.ts';

/** A simulated dom0 that runs: its far side in memory, and its daemons at their sockets. */
export interface Simulation {
  readonly layout: Dom0Layout;
  /** The far side. Whatever is done to it shows at once at every interface. */
  readonly model: Model;
  /** What will go wrong. */
  readonly faults: Faults;
  readonly xenstored: Xenstored;
  readonly libvirtd: Libvirtd;
  readonly xl: XlRunner;
}

/** Whether a simulation runs below this root. The real one is never one. */
export async function isSimulated(layout: Dom0Layout): Promise<boolean> {
  if (layout.root === '/') return false;
  return access(controlSocket(layout)).then(
    () => true,
    () => false,
  );
}

/** Where a running simulation takes commands: the `xl` program's, and those of whoever plays with it. */
export function controlSocket(layout: Dom0Layout): string {
  return join(layout.root, 'run/control');
}
