import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { HostError } from '../../../../src/controller/ports.ts';
import { parseMountinfo, parseSwaps } from '../../../../src/host/uses/mounts.ts';
import { DISK, Dom0Tree, NIC } from './dom0-tree.ts';

const DEVICES = 'pci0000:00/0000:00:12.0/0000:02:00.0/nvme/nvme0/nvme0n1';

describe('a disk', () => {
  test('that nobody uses is used for nothing', async () => {
    expect(await new Dom0Tree().of(DISK)).toEqual([]);
  });

  test('is mounted by its number, whatever the mount calls it', async () => {
    const dom0 = new Dom0Tree();
    dom0.mount('259:0', '/', 'ext4', '/dev/root');
    expect(await dom0.of(DISK)).toEqual(['MountedFilesystem: nvme0n1 is mounted at /']);
    expect(await dom0.of(NIC)).toEqual([]);
    dom0.mount('259:7', '/');
    expect(await dom0.of(DISK)).toEqual([]);
  });

  test('is mounted by its partition', async () => {
    const dom0 = new Dom0Tree();
    dom0.block(`${DEVICES}/nvme0n1p2`, '259:2');
    dom0.mount('259:2', '/a\\040b\\134');
    expect(await dom0.of(DISK)).toEqual(['MountedFilesystem: nvme0n1p2 is mounted at /a b\\']);
  });

  test('is mounted by what was built from its partition, through any number of layers', async () => {
    const dom0 = new Dom0Tree();
    dom0.block(`${DEVICES}/nvme0n1p2`, '259:2', 'E:ID_FS_TYPE=crypto_LUKS\n');
    dom0.block('virtual/block/dm-0', '254:0');
    dom0.block('virtual/block/dm-1', '254:1');
    dom0.write('sys/devices/virtual/block/dm-1/dm/name', 'vg-root\n');
    dom0.holder('nvme0n1p2', 'dm-0');
    dom0.holder('dm-0', 'dm-1');
    dom0.mount('254:1', '/');
    expect(await dom0.of(DISK)).toEqual([
      'MountedFilesystem: dm-1 (vg-root) is mounted at /',
      'StorageMember: dm-0 lies on nvme0n1p2',
      'StorageMember: dm-1 (vg-root) lies on dm-0',
    ]);
  });

  test('is mounted by the partition of an array, and a ring of holders ends', async () => {
    const dom0 = new Dom0Tree();
    dom0.block('virtual/block/md0', '9:0');
    dom0.block('virtual/block/md0/md0p1', '259:9');
    dom0.holder('nvme0n1', 'md0');
    dom0.holder('md0', 'nvme0n1');
    dom0.mount('259:9', '/srv');
    expect((await dom0.of(DISK))[0]).toBe('MountedFilesystem: md0p1 is mounted at /srv');
  });

  test('is mounted as one of the disks of a btrfs, which has a number of its own', async () => {
    const dom0 = new Dom0Tree();
    dom0.mount('0:44', '/data', 'btrfs', '/dev/sdb');
    dom0.write('sys/fs/btrfs/0a0b0c0d-1111-2222-3333-444455556666/devices/nvme0n1', '');
    expect(await dom0.of(DISK)).toEqual(['MountedFilesystem: nvme0n1 is mounted at /data']);
    dom0.remove('sys/fs/btrfs');
    expect(await dom0.of(DISK)).toEqual([expect.stringMatching(/^UseUnknown: .* btrfs is mounted/)]);
  });

  test('is mounted as one of the disks of a bcachefs, which names them all', async () => {
    const dom0 = new Dom0Tree();
    dom0.mount('0:45', '/data', 'bcachefs', '/dev/sdb:/dev/nvme0n1');
    expect(await dom0.of(DISK)).toEqual(['MountedFilesystem: nvme0n1 is mounted at /data']);
  });

  test('is swap, by its name or by that of a volume on it', async () => {
    const dom0 = new Dom0Tree();
    const swaps = (path: string) =>
      `Filename\tType\tSize\tUsed\tPriority\n${path} partition 65532 0 -2\n/file file 1 0 -3\n`;
    dom0.write('proc/swaps', swaps('/dev/nvme0n1'));
    expect(await dom0.of(DISK)).toEqual(['Swap: nvme0n1 is swap']);
    dom0.write('proc/swaps', swaps('/dev/mapper/vg-swap'));
    expect(await dom0.of(DISK)).toEqual([]);
    dom0.block('virtual/block/dm-0', '254:0');
    dom0.write('sys/devices/virtual/block/dm-0/dm/name', 'vg-swap\n');
    dom0.holder('nvme0n1', 'dm-0');
    expect((await dom0.of(DISK))[0]).toBe('Swap: dm-0 (vg-swap) is swap');
  });

  test.each([
    ['LVM2_member', 'an LVM physical volume'],
    ['linux_raid_member', 'a member of a RAID array'],
    ['zfs_member', 'a member of a ZFS pool'],
    ['isw_raid_member', 'isw_raid_member'],
    ['bcache', 'bcache'],
  ])('is a member by what udev found on it: %s', async (type, text) => {
    const dom0 = new Dom0Tree();
    dom0.udev('259:0', `E:ID_FS_TYPE=${type}\nE:ID_FS_USAGE=raid\n`);
    expect(await dom0.of(DISK)).toEqual([`StorageMember: nvme0n1 is ${text}`]);
    dom0.udev('259:0', 'E:ID_FS_TYPE=ext4\nE:ID_FS_LABEL=LVM2_member\n');
    expect(await dom0.of(DISK)).toEqual([]);
  });

  test('with two controllers is found through its subsystem', async () => {
    const dom0 = new Dom0Tree();
    dom0.link('nvme-subsystem/nvme-subsys1', 'pci0000:00/0000:00:12.0/0000:02:00.0/nvme/nvme1');
    dom0.block('virtual/nvme-subsystem/nvme-subsys1/nvme1n1', '259:5');
    dom0.mount('259:5', '/');
    expect(await dom0.of(DISK)).toEqual(['MountedFilesystem: nvme1n1 is mounted at /']);
  });

  test('of a USB controller is its use', async () => {
    const dom0 = new Dom0Tree();
    dom0.block('pci0000:00/0000:00:11.0/0000:01:00.0/usb1/1-1/1-1:1.0/host0/target0:0:0/0:0:0:0/block/sda', '8:0');
    dom0.mount('8:0', '/boot');
    expect(await dom0.of(NIC)).toEqual(['MountedFilesystem: sda is mounted at /boot']);
  });
});

describe('what is not known', () => {
  test.each(['proc/1/mountinfo', 'run/udev/data/b259:0', 'sys/class/block'])('without %s', async path => {
    const dom0 = new Dom0Tree();
    dom0.remove(path);
    expect(await dom0.of(DISK)).toEqual([expect.stringContaining(`UseUnknown: what for is not known: `)]);
  });

  test.each([
    ['proc/1/mountinfo', 'nonsense\n'],
    ['proc/swaps', 'Filename\n/dev/sda strange\n'],
    ['sys/devices/pci0000:00/0000:00:12.0/0000:02:00.0/nvme/nvme0/nvme0n1/dev', 'x\n'],
  ])('with nonsense in %s', async (path, text) => {
    const dom0 = new Dom0Tree();
    dom0.write(path, text);
    expect(await dom0.of(DISK)).toEqual([expect.stringMatching(/^UseUnknown: /)]);
    expect(await dom0.of(NIC)).toEqual([]);
  });

  test('is known when it can be read again', async () => {
    const dom0 = new Dom0Tree();
    dom0.remove('run/udev/data/b259:0');
    expect(await dom0.of(DISK)).toHaveLength(1);
    dom0.udev('259:0', '');
    expect(await dom0.of(DISK)).toEqual([]);
  });
});

test('what did not change is not read again, and what the kernel announces is', async () => {
  const dom0 = new Dom0Tree();
  expect(await dom0.of(DISK)).toEqual([]);
  dom0.write('run/udev/data/b259:0', 'E:ID_FS_TYPE=LVM2_member\n');
  expect(await dom0.of(DISK)).toEqual([]);
  dom0.event();
  expect(await dom0.of(DISK)).toHaveLength(1);
});

describe('the tables of the kernel', () => {
  const anyText = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 200 }),
    fc
      .array(fc.constantFrom('1', '8:0', '/', '-', ' ', '\n', '\\040', 'ext4', ' - ', 'partition', '\t'), {
        maxLength: 30,
      })
      .map(parts => parts.join('')),
  );

  test('are read or refused, whatever they hold', () => {
    fc.assert(
      fc.property(anyText, text => {
        for (const parse of [parseMountinfo, parseSwaps]) {
          try {
            parse(text);
          } catch (error) {
            expect(error).toBeInstanceOf(HostError);
          }
        }
      }),
    );
  });

  test('of mounts lose no line: every mount that is written is read', () => {
    const point = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }).filter(text => !/[\s\\\0]/.test(text));
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(999), fc.nat(999), point)), mounts => {
        const text = mounts.map(
          ([major, minor, at]) => `1 2 ${major}:${minor} / /${at} rw shared:2 master:3 - ext4 /dev/x rw\n`,
        );
        expect(parseMountinfo(text.join('')).map(({ number, point: at }) => [number, at])).toEqual(
          mounts.map(([major, minor, at]) => [`${major}:${minor}`, `/${at}`]),
        );
      }),
    );
  });
});
