import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Dom0Layout } from '../api/layout.ts';

/** The part of pci.ids that the default world needs (https://pci-ids.ucw.cz, GPL-2.0-or-later or BSD-3-Clause). */
const PCI_IDS = `#
# Some PCI ids for a simulated dom0
#
1af4  Red Hat, Inc.
	1000  Virtio network device
	1001  Virtio block device
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
	00  SCSI storage controller
	08  Non-Volatile memory controller
		02  NVM Express
C 02  Network controller
	00  Ethernet controller
C 06  Bridge
	00  Host bridge
	04  PCI bridge
		00  Normal decode
`;

/** Writes what a dom0 has beside its daemons: who it is, its consoles, and the names of cards. */
export function writeHostFiles(layout: Dom0Layout, bootId: string): void {
  const files: readonly [string, string][] = [
    [join(layout.procfs, 'sys/kernel/random/boot_id'), `${bootId}\n`],
    [join(layout.procfs, 'xen/capabilities'), 'control_d\n'],
    [join(layout.procfs, 'sys/kernel/hostname'), 'dom0\n'],
    [join(layout.procfs, 'cmdline'), 'placeholder root=/dev/vda ro\n'],
    [join(layout.root, 'etc/hostname'), 'dom0\n'],
    [join(layout.root, 'etc/machine-id'), '0f9d6b7c1e2a4b3c8d5e6f7081920a1b\n'],
    [join(layout.procfs, 'consoles'), 'hvc0                 -W- (EC p  )  229:0\n'],
    ...layout.pciIds.slice(0, 1).map(path => [path, PCI_IDS] satisfies [string, string]),
  ];
  for (const [path, text] of files) {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }
}
