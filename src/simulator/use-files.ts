import { mkdirSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import type { Dom0Layout } from '../api/layout.ts';
import type { Device, HostUse } from './model/device.ts';
import type { Dom0 } from './model/dom0.ts';
import { activeUse } from './model/host-use.ts';

const ROUTES = 'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n';
const SWAPS = 'Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n';
const PROC_MOUNT = '21 1 0:18 / /proc rw,relatime - proc proc rw\n';

/** Keeps what shows of dom0's use of its devices: block devices, interfaces, and the kernel's tables, as Linux has them. */
export class UseFiles {
  readonly #layout: Dom0Layout;
  readonly #dom0: Dom0;
  readonly #endListening: () => void;
  #events = 0;
  #shown = '';

  /** Writes the files; sysfs must show the devices already. */
  constructor(layout: Dom0Layout, dom0: Dom0) {
    this.#layout = layout;
    this.#dom0 = dom0;
    this.#update();
    this.#endListening = dom0.listen({ deviceChanged: () => this.#update() });
  }

  /** The files stay as they are from now on. */
  close(): void {
    this.#endListening();
  }

  #update(): void {
    const inUse = [...this.#dom0.devices.values()].flatMap((device, index) => {
      const use = activeUse(device);
      if (use.disk === undefined && use.interface === undefined) return [];
      return [{ ...use, folder: this.#folder(device), number: `259:${index}` }];
    });
    // Whoever reads meanwhile must not find what has not changed half written.
    const shown = JSON.stringify(inUse);
    if (shown === this.#shown) return;
    this.#shown = shown;
    this.#clear();
    for (const use of inUse) {
      if (use.disk !== undefined) this.#disk(use.disk, use);
      if (use.interface !== undefined) this.#interface(use.interface, use);
    }
    this.#tables(inUse);
    this.#events += 1;
    write(join(this.#layout.sysfs, 'kernel/uevent_seqnum'), `${this.#events}\n`);
  }

  #clear(): void {
    const { sysfs, udev } = this.#layout;
    for (const folder of ['class/block', 'class/net', 'devices/virtual']) {
      rmSync(join(sysfs, folder), { recursive: true, force: true });
    }
    for (const kind of ['block', 'net']) mkdirSync(join(sysfs, 'class', kind), { recursive: true });
    mkdirSync(join(udev, 'data'), { recursive: true });
  }

  #folder({ spec, present }: Device): string {
    return present ? realpathSync(join(this.#layout.sysfs, 'bus/pci/devices', spec.address)) : '';
  }

  #disk(name: string, { folder, number, member }: HostUse & Place): void {
    write(join(folder, 'block', name, 'dev'), `${number}\n`);
    link(join(folder, 'block', name), join(this.#layout.sysfs, 'class/block', name));
    const found = member === undefined ? '' : `E:ID_FS_TYPE=${member}\n`;
    write(join(this.#layout.udev, 'data', `b${number}`), `I:1\n${found}`);
  }

  #interface(name: string, { folder, bridge }: HostUse & Place): void {
    const { sysfs } = this.#layout;
    const place = join(folder, 'net', name);
    rmSync(place, { recursive: true, force: true });
    mkdirSync(place, { recursive: true });
    link(place, join(sysfs, 'class/net', name));
    if (bridge === undefined) return;
    const upper = join(sysfs, 'devices/virtual/net', bridge);
    mkdirSync(join(upper, 'bridge'), { recursive: true });
    link(upper, join(sysfs, 'class/net', bridge));
    for (const way of ['master', `upper_${bridge}`]) link(upper, join(place, way));
  }

  #tables(used: readonly (HostUse & Place)[]): void {
    const { procfs } = this.#layout;
    const mounts = used.flatMap(({ mountedAt, number }) =>
      mountedAt === undefined ? [] : [`25 1 ${number} / ${mountedAt} rw,relatime - ext4 /dev/root rw\n`],
    );
    const swaps = used.flatMap(({ swap, disk }) => (swap === true ? [`/dev/${disk} partition\t65532\t0\t-2\n`] : []));
    const addressed = used.filter(({ address }) => address !== undefined);
    write(join(procfs, '1/mountinfo'), PROC_MOUNT + mounts.join(''));
    write(join(procfs, 'swaps'), SWAPS + swaps.join(''));
    write(join(procfs, 'net/route'), ROUTES + used.flatMap(routes).join(''));
    const leaves = addressed.map(({ address }) => `     |-- ${address}\n        /32 host LOCAL\n`);
    write(join(procfs, 'net/fib_trie'), `Local:\n     |-- 127.0.0.1\n        /32 host LOCAL\n${leaves.join('')}`);
  }
}

interface Place {
  readonly folder: string;
  readonly number: string;
}

/** The kernel writes addresses as its little-endian processor reads them. */
function routes({ interface: name, address = '', defaultRoute }: HostUse): string[] {
  const bytes = address.split('.').map(Number);
  const hex = (parts: readonly number[]): string =>
    [...parts]
      .reverse()
      .map(part => part.toString(16).toUpperCase().padStart(2, '0'))
      .join('');
  const network = bytes.slice(0, 3);
  const line = (to: string, gateway: string, flags: string, mask: string): string =>
    `${name}\t${to}\t${gateway}\t${flags}\t0\t0\t0\t${mask}\t0\t0\t0\n`;
  return [
    ...(defaultRoute === true ? [line('00000000', hex([...network, 1]), '0003', '00000000')] : []),
    ...(address === '' ? [] : [line(hex([...network, 0]), '00000000', '0001', '00FFFFFF')]),
  ];
}

function write(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

function link(target: string, path: string): void {
  symlinkSync(relative(dirname(path), target), path);
}
