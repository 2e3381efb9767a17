/** The guests of the contract's cases. Booting one takes long here, so a guest that has lost its devices serves the next case, too. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import type { GuestSpec } from '../../contract/world.ts';
import { until } from './deadline.ts';
import { run, virsh, xl } from './exec.ts';
import { Guest, hostdev, virshDevice } from './guest.ts';
import { domains, libvirtDomains } from './reset.ts';
import { type BackendEntry, entriesOf } from './xenstore.ts';

/** ms until a started guest answers. */
const BOOT_LIMIT = 180_000;
/** ms for a driver of a guest to take a device, or to let go of it. */
const BIND_LIMIT = 60_000;
/** ms for a guest to say that its last device is gone. */
const FORGET_LIMIT = 30_000;

/** XenbusState of a device that was taken from its guest while that did not let go of it. */
const CLOSING = '5';

/** The guests there are. */
export class ContractGuests {
  /** All of them, by name, but those of types that have no console here. */
  readonly #all = new Map<string, Guest>();
  /** Those of `running`: up, with passthrough and a stored definition without devices. */
  readonly #up = new Map<string, { readonly guest: Guest; readonly domid: number }>();

  /** The names of the guests that a tidy host has. */
  get kept(): readonly string[] {
    return [...this.#up.keys()];
  }

  /** Forgets all guests: somebody else has ended them. */
  clear(): void {
    this.#all.clear();
    this.#up.clear();
  }

  /** As ContractWorld.define. */
  async define({ name, passthrough, devices = [], type = 'pv', onCrash = 'destroy' }: GuestSpec): Promise<void> {
    if (this.#up.has(name)) await this.#remove(name);
    const elements = devices.map(device => hostdev(device)).join('');
    if (type === 'pv') {
      this.#all.set(name, await Guest.define({ name, passthrough, devices: elements, onCrash }));
    } else {
      const file = `/tmp/guest-${name}`;
      await writeFile(file, pvhDefinition(name, elements));
      await virsh('define', file);
    }
  }

  /** As ContractWorld.running. */
  async running(name: string): Promise<void> {
    if (this.#up.has(name)) return;
    const guest = await Guest.start({ name });
    this.#all.set(name, guest);
    this.#up.set(name, { guest, domid: await guest.id() });
  }

  /** As ContractWorld.createByXl. */
  async createByXl(name: string): Promise<void> {
    this.#all.set(name, await Guest.start({ name, by: 'xl' }));
  }

  /** As ContractWorld.untilUp. */
  async untilUp(name: string): Promise<void> {
    const guest = this.#named(name);
    await guest.console.waitFor(/^GUEST pci:\[.*\]$/m, BOOT_LIMIT);
    for (const entry of (await entriesOf(await guest.id())).values()) await untilBound(guest, entry);
  }

  /** As ContractWorld.letGo. @throws AssertionError or Error if the guest does not have the device, or does not answer. */
  async letGo(name: string, address: string): Promise<void> {
    await letGo(this.#named(name), address);
  }

  /** As ContractWorld.undefine. */
  async undefine(name: string): Promise<void> {
    this.#up.delete(name);
    await virsh('undefine', name);
  }

  /** As ContractWorld.closeBus. */
  async closeBus(name: string): Promise<void> {
    this.#up.delete(name);
    await this.#named(name).shell('echo pci-0 > /sys/bus/xen/drivers/pcifront/unbind', BIND_LIMIT);
  }

  /** As ContractWorld.crash. */
  async crash(name: string): Promise<void> {
    await this.#named(name).crash();
  }

  /** Ends a guest at once; its definition stays. */
  async destroy(name: string): Promise<void> {
    this.#up.delete(name);
    await virsh('destroy', name);
  }

  /** Takes all devices from the guests that stay, and ends all others. */
  async tidy(): Promise<void> {
    for (const name of await libvirtDomains()) {
      if (!this.#up.has(name)) await this.#remove(name);
    }
    for (const { id, name } of await domains()) {
      if (!this.#up.has(name)) await xl('destroy', id);
    }
    for (const { guest, domid } of [...this.#up.values()]) {
      const isClosing = [...(await entriesOf(domid)).values()].some(({ state }) => state === CLOSING);
      if (isClosing) await this.#remove(guest.name);
      else await takeDevices(guest, domid);
    }
  }

  /** Ends the guests that cannot serve another case. */
  async weedOut(): Promise<void> {
    for (const { guest, domid } of [...this.#up.values()]) {
      if (!(await isFit(guest, domid))) await this.#remove(guest.name);
    }
  }

  #named(name: string): Guest {
    return this.#all.get(name) ?? assert.fail(`no guest ${name}`);
  }

  async #remove(name: string): Promise<void> {
    this.#up.delete(name);
    await run('virsh', ['-q', 'destroy', name]); // it may have ended already
    await virsh('undefine', name);
  }
}

/** A driver that is still taking a device would keep the guest busy long after libxl has ceased to wait for it. */
async function letGo(guest: Guest, address: string): Promise<void> {
  const entry = (await entriesOf(await guest.id())).get(address) ?? assert.fail(`${guest.name} has no ${address}`);
  const seenAt = await untilBound(guest, entry);
  await guest.shell(`echo 1 > /sys/bus/pci/devices/${seenAt}/remove`, BIND_LIMIT);
}

/** Waits until a driver of the guest has a device; returns where the guest sees it. */
async function untilBound(guest: Guest, { address, vdev }: BackendEntry): Promise<string> {
  const seenAt = (vdev ?? assert.fail(`${address} has no place in ${guest.name}`)).replace(/0(?=\d$)/, '');
  const bound = async (): Promise<true | undefined> => ((await guest.devices()).get(seenAt)?.bound ? true : undefined);
  await until(`a driver of ${guest.name} has ${seenAt}`, bound, BIND_LIMIT);
  return seenAt;
}

async function takeDevices(guest: Guest, domid: number): Promise<void> {
  for (const address of (await entriesOf(domid)).keys()) {
    await letGo(guest, address);
    const known = (await guest.hostdevs('live')).some(entry => entry.address === address);
    if (known) await virshDevice('detach', guest.name, address, '--live');
    else await xl('pci-detach', String(domid), address);
  }
}

/** Whether it is the same instance, answers, and has no device left, also not in libvirt's mind. */
async function isFit(guest: Guest, domid: number): Promise<boolean> {
  if ((await run('xl', ['domid', guest.name])).stdout.trim() !== String(domid)) return false;
  if ((await guest.hostdevs('live')).length > 0) return false;
  const gone = guest.has([], FORGET_LIMIT).then(() => guest.shell('true', FORGET_LIMIT));
  return gone.then(
    () => true,
    () => false,
  );
}

function pvhDefinition(name: string, devices: string): string {
  return `<domain type='xen'>
  <name>${name}</name>
  <memory unit='MiB'>128</memory>
  <vcpu>1</vcpu>
  <os>
    <type arch='x86_64' machine='xenpvh'>xenpvh</type>
    <kernel>/lab/vmlinuz</kernel>
    <initrd>/lab/guest.cpio.gz</initrd>
    <cmdline>console=hvc0 panic=1</cmdline>
  </os>
  <devices>${devices}<console type='pty'><target type='xen' port='0'/></console></devices>
</domain>
`;
}
