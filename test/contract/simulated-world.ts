import { mkdtempSync, rmSync } from 'node:fs';
import { readFile, readlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { type Address, addressParts } from '../../src/api/address.ts';
import { createHost } from '../../src/host/index.ts';
import { LibvirtClient } from '../../src/node-libvirt/index.ts';
import {
  at,
  DEFAULT_WORLD,
  nodedevDetach,
  type SimulatedDom0,
  startSimulatedDom0,
  worksInDom0,
} from '../../src/simulator/index.ts';
import { XenstoreClient } from '../../src/xenstore-client/index.ts';
import { type ContractWorld, type Ended, type GuestSpec, overrideIn } from './world.ts';

const PATIENCE_MS = 10_000;
/** Guests here answer within 10 ms, and a paused one never does. */
const SETTLE_MS = 2_000;

/** A fresh simulated dom0 without guests, and a function that ends it. */
export async function openSimulatedWorld(
  libvirtVersion: number,
): Promise<{ readonly world: ContractWorld; readonly dom0: SimulatedDom0; close(): Promise<void> }> {
  const root = mkdtempSync(join(tmpdir(), 'con-'));
  const dom0 = await startSimulatedDom0({ root, world: { ...DEFAULT_WORLD, domains: [], libvirtVersion } });
  const host = createHost(dom0.layout, { settleMs: SETTLE_MS });
  const virsh = new LibvirtClient({ socketPath: dom0.layout.libvirtSocket });
  const world: ContractWorld = {
    host,
    first: at('0000:01:00.0'),
    second: at('0000:02:00.0'),
    bare: at('0000:00:1a.0'),
    patienceMs: PATIENCE_MS,
    ...libvirtActs(virsh),
    ...otherActs(dom0),
  };
  const close = async (): Promise<void> => {
    virsh.close();
    await host.close();
    await dom0.stop();
    rmSync(root, { recursive: true });
  };
  return { world, dom0, close };
}

type LibvirtAct =
  | 'define'
  | 'undefine'
  | 'start'
  | 'running'
  | 'suspend'
  | 'resume'
  | 'destroy'
  | 'reboot'
  | 'virshAttach'
  | 'virshDetach';

/** What an administrator does with virsh. */
function libvirtActs(virsh: LibvirtClient): Pick<ContractWorld, LibvirtAct> {
  return {
    async define(guest) {
      await virsh.defineDomain(domainXml(guest));
    },
    async undefine(name) {
      await virsh.undefineDomain(await virsh.domainByName(name));
    },
    async running(name) {
      await virsh.startDomain(await virsh.defineDomain(domainXml({ name, passthrough: true })));
    },
    async suspend(name) {
      await virsh.suspendDomain(await virsh.domainByName(name));
    },
    async resume(name) {
      await virsh.resumeDomain(await virsh.domainByName(name));
    },
    async start(name) {
      await virsh.startDomain(await virsh.domainByName(name));
    },
    async destroy(name) {
      await virsh.destroyDomain(await virsh.domainByName(name));
    },
    async reboot(name) {
      await virsh.rebootDomain(await virsh.domainByName(name));
    },
    async virshAttach(name, device, affected) {
      await virsh.attachDevice(await virsh.domainByName(name), hostdevXml(device), { [affected]: true });
    },
    async virshDetach(name, device, affected) {
      await virsh.detachDevice(await virsh.domainByName(name), hostdevXml(device), { [affected]: true });
    },
  };
}

type OtherAct =
  | 'xl'
  | 'createByXl'
  | 'closeBus'
  | 'crash'
  | 'nodedevDetach'
  | 'untilUp'
  | 'letGo'
  | 'restartLibvirtd'
  | 'removeXenstoreNode'
  | 'overrideOf'
  | 'driverOf'
  | 'worksInDom0';

/** What happens in other ways. */
function otherActs(dom0: SimulatedDom0): Pick<ContractWorld, OtherAct> {
  const xl = (...argv: string[]): Promise<Ended> => dom0.xl.run(argv, dom0.layout.root);
  const device = (address: Address) => {
    const found = dom0.model.dom0.devices.get(address);
    if (found === undefined) throw new RangeError(`no device ${address}`);
    return found;
  };
  return {
    xl,
    async createByXl(name) {
      const { status, stderr } = await xl(
        'create',
        '/dev/null',
        `name="${name}"`,
        'type="pv"',
        'passthrough="enabled"',
      );
      if (status !== 0) throw new Error(stderr);
    },
    async closeBus(name) {
      dom0.model.closeBus(name);
    },
    async crash(name) {
      dom0.model.crash(name);
    },
    async nodedevDetach(address) {
      nodedevDetach(dom0.model.dom0, device(address));
    },
    // Simulated guests have neither kernels nor drivers.
    untilUp: async () => {},
    letGo: async () => {},
    restartLibvirtd: () => dom0.libvirtd.restart(),
    async removeXenstoreNode(path) {
      const client = await XenstoreClient.connect({ socketPath: dom0.layout.xenstoreSocket });
      await client.rm(path);
      await client.close();
    },
    async overrideOf(address) {
      return overrideIn(await readFile(join(dom0.layout.sysfs, 'bus/pci/devices', address, 'driver_override'), 'utf8'));
    },
    async driverOf(address) {
      try {
        return basename(await readlink(join(dom0.layout.sysfs, 'bus/pci/devices', address, 'driver')));
      } catch (error) {
        if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
        throw error;
      }
    },
    worksInDom0: async address => worksInDom0(device(address)),
  };
}

function domainXml({ name, passthrough, devices = [], type = 'pv', onCrash = 'destroy' }: GuestSpec): string {
  const os = type === 'pv' ? "<type machine='xenpv'>linux</type>" : "<type machine='xenpvh'>xenpvh</type>";
  const features = passthrough ? "<features><xen><passthrough state='on'/></xen></features>" : '';
  return [
    `<domain type='xen'><name>${name}</name><memory unit='MiB'>128</memory><vcpu>1</vcpu><os>${os}</os>${features}`,
    `<on_crash>${onCrash}</on_crash>`,
    `<devices>${devices.map(hostdevXml).join('')}</devices></domain>`,
  ].join('');
}

function hostdevXml(address: Address): string {
  const { segment, bus, device, function: fn } = addressParts(address);
  const place = `domain='${segment}' bus='${bus}' slot='${device}' function='${fn}'`;
  return `<hostdev mode='subsystem' type='pci' managed='no'><driver name='xen'/><source><address ${place}/></source></hostdev>`;
}
