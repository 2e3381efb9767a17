import * as z from 'zod';
import { type Address, parseAddress } from '../api/address.ts';
import { type Device, type HostUse, worksInDom0 } from './model/device.ts';
import type { Dom0 } from './model/dom0.ts';
import { nodedevDetach, plug, unplug } from './model/kernel.ts';
import type { Model } from './model/model.ts';
import { observe } from './observe.ts';
import type { Simulation } from './simulation.ts';

const address = z.string().transform((text, context): Address => {
  const parsed = parseAddress(text);
  if (parsed !== undefined) return parsed;
  context.addIssue(`${JSON.stringify(text)} is no PCI address`);
  return z.NEVER;
});
const daemon = z.enum(['xenstored', 'libvirtd']);
const hex4 = z.string().regex(/^[0-9a-f]{4}$/);
const identity = z.object({
  vendor: hex4,
  device: hex4,
  subsystemVendor: hex4.exactOptional(),
  subsystemDevice: hex4.exactOptional(),
  class: hex4.exactOptional(),
});
const card = z.object({ identity: identity.exactOptional(), homeDriver: z.string().exactOptional() });
const use = z.strictObject({
  disk: z.string().exactOptional(),
  mountedAt: z.string().exactOptional(),
  swap: z.boolean().exactOptional(),
  member: z.string().exactOptional(),
  interface: z.string().exactOptional(),
  address: z.ipv4().exactOptional(),
  defaultRoute: z.boolean().exactOptional(),
  bridge: z.string().exactOptional(),
});
const fault = z.object({
  operation: z.enum(['bind', 'rebind', 'attach', 'detach', 'release', 'configure', 'look', 'start', 'stop']),
  device: address.exactOptional(),
  kind: z.enum(['refused', 'doneButFailed', 'claimedButNotDone', 'connectionLost']).exactOptional(),
  delayMs: z.int().min(0).max(600_000).exactOptional(),
  times: z.int().min(1).max(1_000_000).exactOptional(),
});

/** What can be asked of a running simulation. */
const commands = z.discriminatedUnion('command', [
  z.object({ command: z.literal('xl'), argv: z.array(z.string()), folder: z.string() }),
  z.object({ command: z.enum(['up', 'down', 'drop']), daemon }),
  z.object({ command: z.literal('restartLibvirtd') }),
  z.object({ command: z.literal('start'), domain: z.string() }),
  z.object({ command: z.enum(['destroy', 'powerOff', 'crash', 'reboot']), domain: z.string() }),
  z.object({ command: z.literal('pause'), domain: z.string(), paused: z.boolean().default(true) }),
  z.object({ command: z.literal('refuse'), domain: z.string(), refuses: z.boolean().default(true) }),
  z.object({ command: z.enum(['unplug', 'nodedevDetach']), device: address }),
  z.object({ command: z.literal('plug'), device: address, card: card.default({}) }),
  z.object({ command: z.literal('use'), device: address, use }),
  z.object({ command: z.literal('fault'), fault }),
  z.object({ command: z.enum(['clearFaults', 'look']) }),
]);
type Command = z.infer<typeof commands>;

/**
 * Carries out one command, given as parsed JSON.
 * @returns what the command answers, as something JSON can carry.
 * @throws {z.ZodError} on what is no command, or what the command throws.
 */
export async function runCommand(simulation: Simulation, input: unknown): Promise<unknown> {
  const command = commands.parse(input);
  switch (command.command) {
    case 'xl':
      return simulation.xl.run(command.argv, command.folder);
    case 'up':
    case 'down':
    case 'drop':
      return simulation[command.daemon][command.command]();
    case 'restartLibvirtd':
      return simulation.libvirtd.restart();
    case 'start':
      return simulation.libvirtd.start(command.domain);
    default:
      return act(simulation, command);
  }
}

type Act = Exclude<Command, { command: 'xl' | 'up' | 'down' | 'drop' | 'restartLibvirtd' | 'start' }>;

function act({ model, faults }: Simulation, command: Act): unknown {
  switch (command.command) {
    case 'unplug':
      return unplug(model.dom0, command.device);
    case 'nodedevDetach':
      return nodedevDetach(model.dom0, presentDevice(model.dom0, command.device));
    case 'plug':
      return plug(model.dom0, command.device, command.card);
    case 'pause':
      return model.setPaused(command.domain, command.paused);
    case 'refuse':
      return model.setRefusing(command.domain, command.refuses);
    case 'use':
      return useInDom0(model.dom0, command.device, command.use);
    case 'fault':
      return faults.add(command.fault);
    case 'clearFaults':
      return faults.clear();
    case 'look':
      return look(model);
    default:
      return model[command.command](command.domain);
  }
}

function useInDom0(dom0: Dom0, wanted: Address, change: HostUse): void {
  const device = presentDevice(dom0, wanted);
  device.use = change;
  dom0.deviceChanged(device);
}

function presentDevice(dom0: Dom0, wanted: Address): Device {
  const device = dom0.present(wanted);
  if (device === undefined) throw new RangeError(`no device ${wanted}`);
  return device;
}

/** The world in short: what the far side knows, and no interface shows. */
function look(model: Model): object {
  const { devices, domains } = observe(model);
  return {
    devices: [...devices.values()].map(({ address: where, place, driver }) => {
      const device = model.dom0.present(where);
      return { address: where, place, driver, works: device !== undefined && worksInDom0(device) };
    }),
    domains,
    violations: model.dom0.violations,
  };
}
