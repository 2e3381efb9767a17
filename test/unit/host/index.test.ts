import { describe, expect, test } from 'vitest';
import { dom0Layout } from '../../../src/api/layout.ts';
import { createHost, detectXen } from '../../../src/host/index.ts';
import { addCard, tempTree, writeTree } from './temp-tree.ts';

const never = new AbortController().signal;

describe('a host', () => {
  test('that cannot be reached says which part, and gives no partial look', async () => {
    const layout = dom0Layout(tempTree({ 'proc/sys/kernel/random/boot_id': 'boot\n' }));
    addCard(layout.sysfs, 'pci0000:00/0000:00:01.0');
    const host = createHost(layout, { readMs: 500 });
    try {
      await expect(host.observe(never)).rejects.toMatchObject({
        code: 'Unreachable',
        message: expect.stringContaining(layout.xenstoreSocket),
      });
    } finally {
      await host.close();
    }
  });

  test('can be closed without ever having been used', async () => {
    const host = createHost(dom0Layout(tempTree()));
    host.onHint(() => {})();
    await host.close();
    await expect(host.observe(never)).rejects.toMatchObject({ code: 'Unreachable' });
  });
});

describe('a Xen dom0', () => {
  test.each([
    ['control_d\n', true],
    ['', false],
    ['control_dd\n', false],
  ])('by its capabilities %j', async (text, expected) => {
    const root = tempTree();
    writeTree(root, 'proc/xen/capabilities', text);
    expect(await detectXen(dom0Layout(root))).toBe(expected);
  });

  test('is not where there is no Xen', async () => {
    expect(await detectXen(dom0Layout(tempTree()))).toBe(false);
  });
});
