import { expect, test } from 'vitest';
import { dom0Layout } from '../../../src/api/layout.ts';
import { thisHost } from '../../../src/host/this-host.ts';
import { tempTree, writeTree } from './temp-tree.ts';

test('a host has the names of the kernel and of /etc/hostname, and its machine id', async () => {
  const root = tempTree({
    'proc/sys/kernel/hostname': 'by-dhcp\n',
    'etc/hostname': '# set at installation\nDom0-A.example.org\n',
    'etc/machine-id': '0123456789abcdef0123456789abcdef\n',
  });
  expect(await thisHost(dom0Layout(root))).toEqual({
    names: ['by-dhcp', 'dom0-a.example.org', 'dom0-a'],
    machineId: '0123456789abcdef0123456789abcdef',
  });
});

test('without any of these files a host has no name, and with one that cannot be read nothing is said', async () => {
  expect(await thisHost(dom0Layout(tempTree()))).toEqual({ names: [] });
  const root = tempTree();
  writeTree(root, 'etc/hostname/file', '');
  await expect(thisHost(dom0Layout(root))).rejects.toMatchObject({ code: 'Unreachable' });
});
