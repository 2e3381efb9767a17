/** The contract's dom0 is the real one. */
import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { type Address, parseAddress } from '../../../src/api/address.ts';
import { dom0Layout } from '../../../src/api/layout.ts';
import type { Host } from '../../../src/controller/ports.ts';
import { createHost } from '../../../src/host/index.ts';
import { type ContractCase, type ContractWorld, overrideIn } from '../../contract/world.ts';
import { ContractGuests } from './contract-guests.ts';
import { until } from './deadline.ts';
import { DISKS, driverOf, NICS, NO_RESET, readDisk } from './devices.ts';
import { run, succeed, virsh } from './exec.ts';
import { virshDevice } from './guest.ts';
import { restartLibvirtd } from './libvirtd.ts';
import { assertClean, giveBack, resetHost } from './reset.ts';
import { note } from './test.ts';
import { removeStaleBackends } from './xenstore.ts';

/** ms: a guest that boots answers after half a minute, and libvirt waits up to 23 s for one that does not. */
const PATIENCE = 150_000;
/** ms until a network card that works has told dom0 that it has a link. */
const LINK_LIMIT = 20_000;

/** Plays the contract's cases one after the other. */
export class ContractStage {
  readonly #guests = new ContractGuests();
  /** Whether the host is as a case that passed leaves it. */
  #trusted = false;
  /** Whether something happened behind libvirt's back. */
  #libvirtIsWrong = false;

  /** Makes the host ready for the next case. Guests that can serve it, too, go on running. */
  async prepare(): Promise<void> {
    const tidy = this.#trusted && (await this.#tidy());
    this.#trusted = false;
    this.#libvirtIsWrong = false;
    if (tidy) return;
    await resetHost();
    this.#guests.clear();
  }

  /** Runs one case. @throws what it throws. */
  async play({ run: body }: ContractCase): Promise<void> {
    const host = createHost(dom0Layout('/'));
    try {
      await body(this.#world(host));
    } finally {
      await host.close();
    }
    this.#trusted = true;
  }

  /** @returns false, and notes why, when nothing but a full reset helps. */
  async #tidy(): Promise<boolean> {
    try {
      await this.#guests.tidy();
      await giveBack();
      await removeStaleBackends();
      if (this.#libvirtIsWrong) await restartLibvirtd();
      await this.#guests.weedOut();
      await assertClean(this.#guests.kept);
      return true;
    } catch (error) {
      note(`reset before it: ${String(error).split('\n')[0]}`);
      return false;
    }
  }

  #world(host: Host): ContractWorld {
    const guests = this.#guests;
    return {
      host,
      first: addressOf(NICS[0]),
      second: addressOf(DISKS[0]),
      bare: addressOf(NO_RESET),
      patienceMs: PATIENCE,
      define: spec => guests.define(spec),
      undefine: name => guests.undefine(name),
      running: name => guests.running(name),
      crash: name => guests.crash(name),
      closeBus: name => guests.closeBus(name),
      destroy: name => guests.destroy(name),
      createByXl: name => guests.createByXl(name),
      untilUp: name => guests.untilUp(name),
      letGo: (name, device) => guests.letGo(name, device),
      start: async name => void (await virsh('start', name)),
      suspend: async name => void (await virsh('suspend', name)),
      resume: async name => void (await virsh('resume', name)),
      reboot: async name => void (await virsh('reboot', name)),
      virshAttach: (name, device, affected) => virshDevice('attach', name, device, `--${affected}`),
      virshDetach: (name, device, affected) => virshDevice('detach', name, device, `--${affected}`),
      nodedevDetach: async device => void (await virsh('nodedev-detach', `pci_${device.replaceAll(/[:.]/g, '_')}`)),
      removeXenstoreNode: async path => void (await succeed('xenstore-rm', [path])),
      restartLibvirtd: () => restartLibvirtd(),
      xl: async (...argv) => {
        if (argv[0] === 'pci-attach' || argv[0] === 'pci-detach') this.#libvirtIsWrong = true;
        const { code, stdout, stderr } = await run('xl', argv);
        return { status: code, stdout, stderr };
      },
      overrideOf: async device => overrideIn(await readFile(`/sys/bus/pci/devices/${device}/driver_override`, 'utf8')),
      driverOf,
      worksInDom0,
    };
  }
}

function addressOf(text: string): Address {
  return parseAddress(text) ?? assert.fail(`${text} is no address`);
}

/** A disk works when what is on it can be read; a network card, when its interrupt has brought the news of its link. */
async function worksInDom0(device: string): Promise<boolean> {
  try {
    const bus = Number.parseInt(device.slice(5, 7), 16);
    const isDisk = DISKS.some(disk => disk === device);
    return isDisk ? (await readDisk(device)) === `xenpci-lab NVME${bus}` : await hasLink(device);
  } catch (error) {
    note(`${device} does not work in dom0: ${String(error).split('\n')[0]}`);
    return false;
  }
}

async function hasLink(nic: string): Promise<true> {
  const named = async (): Promise<string | undefined> => (await readdir(`/sys/bus/pci/devices/${nic}/net`))[0];
  const name = await until(`the interface of ${nic}`, named, LINK_LIMIT);
  await succeed('ip', ['link', 'set', name, 'up']);
  const carrier = async (): Promise<true | undefined> =>
    (await readFile(`/sys/class/net/${name}/carrier`, 'utf8')).trim() === '1' ? true : undefined;
  return until(`the link of ${name}`, carrier, LINK_LIMIT).finally(() => succeed('ip', ['link', 'set', name, 'down']));
}
