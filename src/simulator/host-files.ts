import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Dom0Layout } from '../api/layout.ts';

/** The part of pci.ids that the default world needs (https://pci-ids.ucw.cz, GPL-2.0-or-later or BSD-3-Clause). */
const PCI_IDS = `#
# Some PCI ids for a simulated dom0
#
1af4  Red Hat, Inc.
	1100  QEMU Virtual Machine
1b36  Red Hat, Inc.
	000c  QEMU PCIe Root port
	0010  QEMU NVM Express Controller
		1af4 1100  QEMU Virtual Machine
8086  Intel Corporation
	100e  82540EM Gigabit Ethernet Controller
		1af4 1100  QEMU Virtual Machine
	10d3  82574L Gigabit Network Connection
	29c0  82G33/G31/P35/P31 Express DRAM Controller
		1af4 1100  QEMU Virtual Machine
C 01  Mass storage controller
	08  Non-Volatile memory controller
		02  NVM Express
C 02  Network controller
	00  Ethernet controller
C 06  Bridge
	00  Host bridge
	04  PCI bridge
		00  Normal decode
`;

/** The tables of a kernel whose block devices and network interfaces, if any, hang on no PCI function. */
const IDLE_TABLES: Readonly<Record<string, string>> = {
  'self/mountinfo': '21 1 0:18 / /proc rw,relatime - proc proc rw\n',
  swaps: 'Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n',
  consoles: 'hvc0                 -W- (EC p  )  229:0\n',
  'net/route': 'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n',
  'net/fib_trie': 'Local:\n  +-- 127.0.0.0/8 2 0 2\n     |-- 127.0.0.1\n        /32 host LOCAL\n',
};

/** Writes what a dom0 has beside its daemons: who it is, the names of cards, and what it has mounted and routed. */
export function writeHostFiles(layout: Dom0Layout, bootId: string): void {
  const files: readonly [string, string][] = [
    [join(layout.procfs, 'sys/kernel/random/boot_id'), `${bootId}\n`],
    [join(layout.procfs, 'xen/capabilities'), 'control_d\n'],
    ...Object.entries(IDLE_TABLES).map(([name, text]) => [join(layout.procfs, name), text] satisfies [string, string]),
    [join(layout.procfs, 'sys/kernel/hostname'), 'dom0\n'],
    [join(layout.procfs, 'cmdline'), 'placeholder root=/dev/vda ro\n'],
    [join(layout.root, 'etc/hostname'), 'dom0\n'],
    [join(layout.root, 'etc/machine-id'), '0f9d6b7c1e2a4b3c8d5e6f7081920a1b\n'],
    ...layout.pciIds.slice(0, 1).map(path => [path, PCI_IDS] satisfies [string, string]),
  ];
  for (const name of ['block', 'net']) mkdirSync(join(layout.sysfs, 'class', name), { recursive: true });
  for (const [path, text] of files) {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }
}
