import { describe, expect, test } from 'vitest';
import { addCard } from '../temp-tree.ts';
import { DISK, Dom0Tree, NIC } from './dom0-tree.ts';

const VGA = '0000:00:02.0';

function withDisplay(bootVga: string): Dom0Tree {
  const dom0 = new Dom0Tree();
  addCard(dom0.layout.sysfs, `pci0000:00/${VGA}`, { class: '030000' });
  dom0.write(`sys/devices/pci0000:00/${VGA}/boot_vga`, bootVga);
  return dom0;
}

describe('a display', () => {
  test('is the boot display by what the kernel says, with a driver or without', async () => {
    expect(await withDisplay('1\n').of(VGA)).toEqual(['BootDisplay: the machine started with this display']);
    expect(await withDisplay('0\n').of(VGA)).toEqual([]);
  });

  test('is what dom0 writes on when it has the first framebuffer', async () => {
    const dom0 = withDisplay('0\n');
    dom0.link('graphics', `pci0000:00/${VGA}/graphics/fb0`);
    expect(await dom0.of(VGA)).toEqual(['BootDisplay: dom0 writes on its framebuffer fb0']);
    expect(await dom0.of(NIC)).toEqual([]);
  });
});

describe('a serial card', () => {
  test('carries a console of the kernel', async () => {
    const dom0 = new Dom0Tree();
    dom0.link('tty', `${dom0.below(NIC)}/0000:01:00.0:0/0000:01:00.0:0.0/tty/ttyS4`);
    expect(await dom0.of(NIC)).toEqual([]);
    dom0.write(
      'proc/consoles',
      'hvc0                 -W- (EC  p  )  229:0\nttyS4                -W- (E   p a)    4:68\n',
    );
    expect(await dom0.of(NIC)).toEqual(['Console: ttyS4 is a console of dom0']);
    expect(await dom0.of(DISK)).toEqual([]);
  });

  test('is not known to carry none when the list is too long', async () => {
    const dom0 = new Dom0Tree();
    dom0.write('proc/consoles', 'x'.repeat(5000));
    expect(await dom0.of(NIC)).toEqual([expect.stringMatching(/^UseUnknown: .*consoles is longer/)]);
  });
});
