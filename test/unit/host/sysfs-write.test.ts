import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Address } from '../../../src/api/address.ts';
import { bindDriver, clearOverride } from '../../../src/host/sysfs/write.ts';
import { addCard, tempTree, writeTree } from './temp-tree.ts';

const CARD = '0000:00:01.0' as Address;
const OVERRIDE = 'devices/pci0000:00/0000:00:01.0/driver_override';

describe('writing to sysfs', () => {
  test("pciback's override is cleared, and no other", async () => {
    const sysfs = tempTree();
    addCard(sysfs, 'pci0000:00/0000:00:01.0');
    writeTree(sysfs, OVERRIDE, 'vfio-pci\n');
    await clearOverride(sysfs, CARD);
    expect(readFileSync(join(sysfs, OVERRIDE), 'utf8')).toBe('vfio-pci\n');
    writeTree(sysfs, OVERRIDE, 'pciback');
    await clearOverride(sysfs, CARD);
    expect(readFileSync(join(sysfs, OVERRIDE), 'utf8')[0]).toBe('\n');
  });

  test('a driver is given the address', async () => {
    const sysfs = tempTree({ 'bus/pci/drivers/e1000e/bind': '' });
    await bindDriver(sysfs, CARD, 'e1000e');
    expect(readFileSync(join(sysfs, 'bus/pci/drivers/e1000e/bind'), 'utf8')).toBe(CARD);
  });

  test('without the driver the kernel chooses', async () => {
    const sysfs = tempTree({ 'bus/pci/drivers_probe': '' });
    await bindDriver(sysfs, CARD, 'e1000e');
    expect(readFileSync(join(sysfs, 'bus/pci/drivers_probe'), 'utf8')).toBe(CARD);
  });

  test('a name that is no driver writes nowhere', async () => {
    const sysfs = tempTree({ 'bus/pci/bind': '', 'bus/pci/drivers/x/bind': '' });
    for (const name of ['..', '.', '', 'a/b', '../x', 'x\0']) {
      await expect(bindDriver(sysfs, CARD, name)).rejects.toMatchObject({ code: 'StepFailed' });
    }
    expect(readFileSync(join(sysfs, 'bus/pci/bind'), 'utf8')).toBe('');
  });

  test('nothing is made where no attribute is', async () => {
    const sysfs = tempTree();
    mkdirSync(join(sysfs, 'bus/pci/drivers/e1000e'), { recursive: true });
    await expect(bindDriver(sysfs, CARD, 'e1000e')).rejects.toMatchObject({ code: 'StepFailed' });
    expect(existsSync(join(sysfs, 'bus/pci/drivers/e1000e/bind'))).toBe(false);
    expect(existsSync(join(sysfs, 'bus/pci/drivers_probe'))).toBe(false);
  });
});
