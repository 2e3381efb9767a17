/** PV guests: defined and started through libvirt or xl, watched and driven through their consoles. */
import assert from 'node:assert/strict';
import { open, rm, writeFile } from 'node:fs/promises';
import { Console } from './console.ts';
import { becomes, until } from './deadline.ts';
import { run, succeed, virsh, xl } from './exec.ts';
import { note } from './test.ts';

/** How a guest is made. */
export interface GuestSpec {
  readonly name: string;
  /** Created with PCI passthrough enabled, so that devices can be attached while it runs; default true. */
  readonly passthrough?: boolean;
  /** Default 128. */
  readonly memoryMiB?: number;
  /** Who makes it; libvirt does not know the ones made by xl. Default libvirt. */
  readonly by?: 'libvirt' | 'xl';
  /** XML put inside `<devices>` (libvirt only). */
  readonly devices?: string;
  /** What becomes of it when its kernel crashes; default destroy. */
  readonly onCrash?: 'destroy' | 'preserve' | 'restart';
}

/** A PCI device as a guest sees it. `id` is `vendor:device`; `bound`: a driver of the guest has it. */
export interface GuestDevice {
  readonly id: string;
  readonly bound: boolean;
}

/** A host device in a definition of libvirt. */
export interface Hostdev {
  readonly address: string;
  readonly alias: string | undefined;
}

/** ms until a started guest's first process runs: 10 s on an idle machine, much longer on one that is not. */
const BOOT_LIMIT = 180_000;
/** ms until a driver of the guest has taken a new device. */
const BIND_LIMIT = 120_000;

// The kernel can put a message of its own between what is written to a console and its line end.
const DEVICE_LIST = /^GUEST pci:\[([^\]]*)\]/m;
/**
 * Emulated, a kernel of a guest panics now and then while it patches itself in its first seconds (Linux 6.12,
 * text_poke_early), before it has looked at any device. Nothing of ours has a part in that.
 */
const EARLY_PANIC = 'Attempted to kill the idle task!';
const BOOT_ATTEMPTS = 3;
const UP_OR_DEAD = new RegExp(`${DEVICE_LIST.source}|${EARLY_PANIC}`, 'm');
const KERNEL_MESSAGE = /\[ *\d+\.\d{6}\] .*$/;

/** Every list of its devices that a guest has printed in this text of its console, as `ADDRESS=VENDOR:DEVICE:bound|- ...`. */
export function deviceLists(text: string): readonly string[] {
  return [...text.matchAll(new RegExp(DEVICE_LIST, 'gm'))].map(([, list = '']) => list);
}

let commands = 0;

/** One guest of the lab. It exists as a definition; it may or may not run. */
export class Guest {
  readonly name: string;
  readonly #spec: GuestSpec;
  #console: Console;

  private constructor(spec: GuestSpec, console: Console) {
    this.name = spec.name;
    this.#spec = spec;
    this.#console = console;
  }

  /** Defines a guest and leaves it shut off. */
  static async define(spec: GuestSpec): Promise<Guest> {
    const guest = new Guest(spec, await Console.of(spec.name));
    await writeFile(guest.#file, spec.by === 'xl' ? xlConfig(spec) : definition(spec));
    if (spec.by !== 'xl') await virsh('define', guest.#file);
    return guest;
  }

  /** Defines a guest, starts it, and waits until it is up. */
  static async start(spec: GuestSpec): Promise<Guest> {
    const guest = await Guest.define(spec);
    await guest.start();
    return guest;
  }

  /** A guest that was defined before this program started, and runs. */
  static running(spec: GuestSpec): Guest {
    return new Guest(spec, Console.whole(spec.name));
  }

  get #file(): string {
    return `/tmp/guest-${this.name}`;
  }

  /** What the guest has written to its console since it was started. */
  get console(): Console {
    return this.#console;
  }

  /** Starts the guest and waits until it has said which devices it has. @throws Error as virsh or xl reports it. */
  async start(): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      this.#console = await Console.of(this.name);
      if (this.#spec.by === 'xl') await xl('create', this.#file);
      else await virsh('start', this.name);
      const [said] = await this.#console.waitFor(UP_OR_DEAD, BOOT_LIMIT);
      if (said !== EARLY_PANIC || attempt === BOOT_ATTEMPTS) break;
      note(`guest ${this.name}: its kernel has panicked before its first process; started once more`);
      await this.ended();
    }
    await this.#console.waitFor(DEVICE_LIST, BOOT_LIMIT);
  }

  /** Ends the guest at once; its definition stays. */
  async destroy(): Promise<void> {
    if (this.#spec.by === 'xl') await xl('destroy', this.name);
    else await virsh('destroy', this.name);
  }

  /** The id of its running domain. @throws Error if it does not run. */
  async id(): Promise<number> {
    return Number((await xl('domid', this.name)).trim());
  }

  /** libvirt's definition of it, `live` (as it runs) or `stored` (for the next start). */
  xml(which: 'live' | 'stored'): Promise<string> {
    return virsh('dumpxml', this.name, ...(which === 'stored' ? ['--inactive'] : []));
  }

  /** The host devices in libvirt's definition of it. */
  async hostdevs(which: 'live' | 'stored'): Promise<readonly Hostdev[]> {
    const elements = (await this.xml(which)).match(/<hostdev .*?<\/hostdev>/gs) ?? [];
    return elements.map(element => {
      const [, ...parts] =
        /domain='0x(\w+)' bus='0x(\w+)' slot='0x(\w+)' function='0x(\w)'/.exec(element) ?? assert.fail(element);
      const [segment, bus, slot, fn] = parts;
      return { address: `${segment}:${bus}:${slot}.${fn}`, alias: /<alias name='(.*?)'/.exec(element)?.[1] };
    });
  }

  /** Whether libvirt's definition of it enables PCI passthrough. */
  async hasPassthrough(which: 'live' | 'stored'): Promise<boolean> {
    return /<passthrough state='on'/.test(await this.xml(which));
  }

  /** The devices it has, as it last said on its console, by its own addresses for them. */
  async devices(): Promise<ReadonlyMap<string, GuestDevice>> {
    const last = deviceLists(await this.#console.text()).at(-1) ?? '';
    const entries = [...last.matchAll(/(\S+)=(\w+:\w+):(bound|-)/g)];
    return new Map(entries.map(([, address = '', id = '', driver]) => [address, { id, bound: driver === 'bound' }]));
  }

  /**
   * Waits until the guest has devices with exactly these ids, in any order, each bound to a driver.
   * @throws AssertionError after `ms`.
   */
  async has(ids: readonly string[], ms: number = BIND_LIMIT): Promise<void> {
    const look = async (): Promise<string[]> =>
      [...(await this.devices()).values()].map(({ id, bound }) => (bound ? id : `${id} (no driver)`)).sort();
    await becomes(`devices of guest ${this.name}`, look, [...ids].sort(), ms);
  }

  /**
   * Waits until the kernel of a guest that has lost its last device is done with its PCI bus: a device given before that
   * never comes up there.
   */
  async hasNoBus(): Promise<void> {
    await this.has([]);
    await this.shell('while [ -e /sys/devices/pci-0 ]; do usleep 100000; done');
  }

  /**
   * Runs a shell command inside the guest; returns what it wrote.
   * @param ms how long to wait for it to end.
   * @throws Error if its exit code is not 0.
   */
  async shell(command: string, ms = 60_000): Promise<string> {
    assert.doesNotMatch(command, /\n/, 'one line at a time');
    commands += 1;
    const id = `command-${commands}`;
    await this.#type(`${id} ${command}`);
    const end = await this.#console.waitFor(new RegExp(`^GUEST ${id}= (\\d+)[\\n[]`, 'm'), ms);
    const lines = [...(await this.#console.text()).matchAll(new RegExp(`^GUEST ${id}\\| (.*)$`, 'gm'))];
    const output = lines.map(([, line = '']) => line.replace(KERNEL_MESSAGE, '')).join('\n');
    if (end[1] !== '0') throw new Error(`in guest ${this.name}: ${command}: exit code ${end[1]}\n${output}`);
    return output;
  }

  /** Makes the guest's kernel panic, and waits until it has said so. @param ms how long that may take. */
  async crash(ms = 60_000): Promise<void> {
    const console = await this.#console.sinceNow();
    await this.#type('crash echo c > /proc/sysrq-trigger');
    await console.waitFor(/sysrq: Trigger a crash/, ms);
  }

  /** Types a line on the guest's console. */
  async #type(line: string): Promise<void> {
    const tty = (await succeed('xenstore-read', [`/local/domain/${await this.id()}/console/tty`])).trim();
    const terminal = await open(tty, 'r+');
    await terminal.write(`${line}\n`).finally(() => terminal.close());
  }

  /** Waits until no domain of that name runs. @throws Error after `ms`. */
  async ended(ms = 60_000): Promise<void> {
    const gone = async (): Promise<true | undefined> =>
      (await run('xl', ['domid', this.name])).code === 0 ? undefined : true;
    await until(`the end of guest ${this.name}`, gone, ms);
  }
}

/** A `<hostdev>` element for a device of dom0, as libvirt needs it on Xen. @param inner more XML inside it. */
export function hostdev(address: string, inner = ''): string {
  const [, domain, bus, slot, fn] = /^(\w+):(\w+):(\w+)\.(\w)$/.exec(address) ?? assert.fail(`no address: ${address}`);
  return `<hostdev mode='subsystem' type='pci' managed='no'><driver name='xen'/><source>
    <address domain='0x${domain}' bus='0x${bus}' slot='0x${slot}' function='0x${fn}'/></source>${inner}</hostdev>`;
}

/** `virsh attach-device` or `detach-device` of a device of dom0, behind the product's back. @throws Error as virsh reports it. */
export async function virshDevice(
  action: 'attach' | 'detach',
  guest: string,
  address: string,
  ...flags: readonly string[]
): Promise<void> {
  const file = `/tmp/hostdev-${address}.xml`;
  await writeFile(file, hostdev(address));
  await virsh(`${action}-device`, guest, file, ...flags).finally(() => rm(file));
}

/** `swiotlb`: 8 MiB in place of 64 of the guest's 128. */
const CMDLINE = 'console=hvc0 panic=1 swiotlb=4096';

/**
 * `e820_host`: without it, or `iommu=soft` inside the guest, a PV guest with Linux 6.6 or newer has no xen-swiotlb and
 * every DMA of a device attached later faults. xl sets it by itself for a domain that is created with a device.
 */
function definition({
  name,
  passthrough = true,
  memoryMiB = 128,
  devices = '',
  onCrash = 'destroy',
}: GuestSpec): string {
  const features = "<features><xen><e820_host state='on'/><passthrough state='on'/></xen></features>";
  return `<domain type='xen'>
  <name>${name}</name>
  <memory unit='MiB'>${memoryMiB}</memory>
  <vcpu>1</vcpu>
  <os>
    <type arch='x86_64' machine='xenpv'>linux</type>
    <kernel>/lab/vmlinuz</kernel>
    <initrd>/lab/guest.cpio.gz</initrd>
    <cmdline>${CMDLINE}</cmdline>
  </os>
  ${passthrough ? features : ''}
  <on_crash>${onCrash}</on_crash>
  <devices>${devices}<console type='pty'><target type='xen' port='0'/></console></devices>
</domain>
`;
}

function xlConfig({ name, passthrough = true, memoryMiB = 128, onCrash = 'destroy' }: GuestSpec): string {
  const features = 'passthrough="enabled"\ne820_host=1\n';
  return `name="${name}"
type="pv"
memory=${memoryMiB}
kernel="/lab/vmlinuz"
ramdisk="/lab/guest.cpio.gz"
cmdline="${CMDLINE}"
${passthrough ? features : ''}on_crash="${onCrash}"
`;
}
