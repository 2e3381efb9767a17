import { join } from 'node:path';
import { type Dom0Layout, dom0Layout } from '../api/layout.ts';
import { controlServer } from './control-server.ts';
import { Faults } from './faults.ts';
import { Guests } from './guests.ts';
import { writeHostFiles } from './host-files.ts';
import { Libvirtd } from './libvirtd/server.ts';
import { Model } from './model/model.ts';
import { DEFAULT_WORLD, type World } from './model/world.ts';
import { controlSocket, type Simulation } from './simulation.ts';
import { checkSocketPath } from './socket-server.ts';
import { Sysfs } from './sysfs.ts';
import { SysfsWrites } from './sysfs-writes.ts';
import { UseFiles } from './use-files.ts';
import { Userdata } from './userdata.ts';
import { Xenstored } from './xenstored/server.ts';
import { writeXlProgram } from './xl-program.ts';
import { XlRunner } from './xl-runner.ts';

/** How to start a simulated dom0. */
export interface SimulationOptions {
  /** The folder that stands for `/`: short, because unix sockets below it may have 107 bytes of path. */
  readonly root: string;
  /** DEFAULT_WORLD when absent. */
  readonly world?: World;
  /** Milliseconds that each change by libvirtd or xl takes at least. Default 2. */
  readonly latencyMs?: number;
  /** Milliseconds until a guest has answered an attach. Default 10. */
  readonly settleMs?: number;
}

/** A simulated dom0, and how to end it. */
export interface SimulatedDom0 extends Simulation {
  /** Closes all sockets and watches; the files stay. */
  stop(): Promise<void>;
}

/**
 * Starts a simulated dom0 below a root folder: xenstored, libvirtd, sysfs, `xl` and libxl's notes where a Debian dom0
 * has them. Production code runs against it unchanged, with `dom0Layout(root)`.
 * @throws {PathTooLongError}, or what making files and sockets fails with; nothing is left open then.
 */
export async function startSimulatedDom0(options: SimulationOptions): Promise<SimulatedDom0> {
  const { world = DEFAULT_WORLD, latencyMs = 2, settleMs = 10 } = options;
  const layout = dom0Layout(options.root);
  for (const path of [layout.xenstoreSocket, layout.libvirtSocket, controlSocket(layout)]) checkSocketPath(path);
  const model = new Model(world);
  const faults = new Faults();
  const simulation: Simulation = {
    layout,
    model,
    faults,
    xenstored: new Xenstored(layout.xenstoreSocket, model, faults),
    libvirtd: new Libvirtd(layout.libvirtSocket, join(options.root, 'etc/libvirt/hooks'), model, faults, latencyMs),
    xl: new XlRunner(model, faults, latencyMs),
  };
  const control = controlServer(controlSocket(layout), simulation);
  const projections: { close(): void }[] = [];
  const stop = async (): Promise<void> => {
    for (const projection of projections.splice(0)) projection.close();
    await Promise.all([control.down(), simulation.xenstored.close(), simulation.libvirtd.close()]);
  };
  try {
    for (const start of starters(layout, model, settleMs)) projections.push(start());
    writeXlProgram(layout.xl, controlSocket(layout));
    await Promise.all([control.up(), simulation.xenstored.up(), simulation.libvirtd.up()]);
  } catch (error) {
    await stop();
    throw error;
  }
  return { ...simulation, stop };
}

/** What keeps files and guests in step with the model, in the order in which they build on each other. */
function starters(layout: Dom0Layout, model: Model, settleMs: number): (() => { close(): void })[] {
  writeHostFiles(layout, model.dom0.bootId);
  return [
    () => new Sysfs(layout.sysfs, model.dom0),
    () => new UseFiles(layout, model.dom0),
    () => new SysfsWrites(layout.sysfs, model.dom0),
    () => new Userdata(layout.libxlUserdata, model),
    () => new Guests(model, settleMs),
  ];
}
