import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadPciIds } from '../../../src/host/sysfs/pci-ids.ts';
import { SysfsPci } from '../../../src/host/sysfs/sysfs.ts';
import { CARDS } from '../../../src/simulator/model/world.ts';
import { simulatedHost } from '../../golden/simulated-host.ts';
import { type Line, measure } from '../measure.ts';
import { runToEnd } from '../program.ts';
import type { Row } from '../row.ts';
import { addressAt } from '../worlds.ts';

const DEVICES = 200;
const ROUNDS = 15;
const PCI_IDS = ['/usr/share/misc/pci.ids', '/usr/share/hwdata/pci.ids'];

/** All functions of a host with the names of their class, vendor and product, from the files of a simulated sysfs. */
export const inventory: Row = {
  name: 'inventory',
  title: `inventory: ${DEVICES} functions with class, vendor and product`,
  async measure() {
    const names = PCI_IDS.filter(path => existsSync(path));
    if (names.length === 0) throw new Error('there is no pci.ids: install the package pci.ids');
    const card = { identity: CARDS.e1000e, homeDriver: 'e1000e', resetMethods: ['flr'] };
    const devices = Array.from({ length: DEVICES }, (_, index) => ({ ...card, address: addressAt(index) }));
    const host = await simulatedHost({ devices, domains: [] });
    try {
      const { sysfs } = host.dom0.layout;
      // What lspci reads of each: the first 64 bytes of its config space.
      for (const { address } of devices) {
        writeFileSync(
          join(sysfs, 'bus/pci/devices', address, 'config'),
          Buffer.from('8680d310'.padEnd(128, '0'), 'hex'),
        );
      }
      const option = ['-O', `sysfs.path=${join(sysfs, 'bus/pci')}`];
      const peer = { name: '`lspci -vmm`', run: () => runToEnd('lspci', ['-A', 'linux-sysfs', ...option, '-vmm']) };
      const look = async (pci: SysfsPci): Promise<void> => {
        const ids = await known;
        for (const { identity, progIf } of await pci.list()) ids.describe(identity, progIf);
      };
      let known = loadPciIds(names);
      const warm = new SysfsPci(sysfs);
      const about = `inventory of ${DEVICES} functions`;
      const lines: Line[] = [];
      lines.push(
        await measure({
          what: `${about}, cold, \`pci.ids\` read anew`,
          run() {
            known = loadPciIds(names);
            return look(new SysfsPci(sysfs));
          },
          peer,
          unit: 'ms',
          rounds: ROUNDS,
          goal: { peer: 1 },
        }),
        await measure({
          what: `${about}, warm`,
          run: () => look(warm),
          peer,
          unit: 'ms',
          rounds: ROUNDS,
          goal: { peer: 1 },
        }),
      );
      return lines;
    } finally {
      await host.end();
    }
  },
};
