import { chmodSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Address } from '../../../src/api/address.ts';
import { Xl } from '../../../src/host/xl/xl.ts';
import { tempTree, writeTree } from './temp-tree.ts';

const CARD = '0000:01:00.0' as Address;
const DEADLINES = { readMs: 5_000, bindMs: 30_000, attachMs: 30_000 };
const never = new AbortController().signal;

/** An xl that writes its arguments to `argv`, says `text` and ends with `code`. */
function fakeXl(text: string, code: number): { root: string; xl: Xl } {
  const root = tempTree({ said: text });
  writeTree(root, 'xl', `#!/bin/sh\necho "$@" >>${root}/argv\ncat ${root}/said >&2\nexit ${code}\n`);
  chmodSync(join(root, 'xl'), 0o755);
  return { root, xl: new Xl(join(root, 'xl'), DEADLINES) };
}

describe('xl', () => {
  test('says what it should', async () => {
    const { root, xl } = fakeXl('', 0);
    await xl.assignableAdd(CARD, never);
    await xl.assignableRemove(CARD, true, never);
    await xl.assignableRemove(CARD, false, never);
    await xl.attach(7, CARD, true, never);
    await xl.attach(7, CARD, false, never);
    await xl.detach(7, CARD, false, never);
    await xl.detach(7, CARD, true, never);
    expect(readFileSync(join(root, 'argv'), 'utf8').split('\n')).toEqual([
      'pci-assignable-add 0000:01:00.0',
      'pci-assignable-remove -r 0000:01:00.0',
      'pci-assignable-remove 0000:01:00.0',
      'pci-attach 7 0000:01:00.0,permissive=1',
      'pci-attach 7 0000:01:00.0',
      'pci-detach 7 0000:01:00.0',
      'pci-detach -f 7 0000:01:00.0',
      '',
    ]);
  });

  test('a remark may come with success', async () => {
    const { xl } = fakeXl(
      "libxl: warning: libxl_pci.c:932:f: Couldn't find path for original driver; not rebinding\n",
      0,
    );
    expect(await xl.assignableRemove(CARD, true, never)).toEqual(['NoOriginalDriver']);
  });

  test('a failure has the words of libxl without its line numbers', async () => {
    const said = [
      'libxl: error: libxl_pci.c:1529:pci_add_dm_done: Domain 5:xc_assign_device failed: Operation not supported',
      'libxl: error: libxl_device.c:1486:device_addrm_aocomplete: unable to add device',
    ];
    const { xl } = fakeXl(`${said.join('\n')}\n`, 1);
    await expect(xl.attach(5, CARD, false, never)).rejects.toMatchObject({
      code: 'StepFailed',
      message:
        'xl pci-attach 5 0000:01:00.0 failed with exit code 1: ' +
        'Domain 5:xc_assign_device failed: Operation not supported; unable to add device',
    });
  });

  test('what failed is classified', async () => {
    const quarantine = fakeXl('libxl: error: libxl_pci.c:906:f: failed to de-quarantine 0000:01:00.0\n', 1);
    await expect(quarantine.xl.assignableRemove(CARD, true, never)).rejects.toMatchObject({
      code: 'StepFailed',
      remarks: ['NotQuarantined'],
    });
    const missing = fakeXl("libxl: error: libxl_pci.c:792:f: Couldn't lstat /sys/bus/pci/devices/x: No such file\n", 1);
    await expect(missing.xl.assignableAdd(CARD, never)).rejects.toMatchObject({ code: 'PreconditionFailed' });
  });

  test('without xl it says what to do', async () => {
    const xl = new Xl(join(tempTree(), 'xl'), DEADLINES);
    await expect(xl.assignableAdd(CARD, never)).rejects.toMatchObject({
      code: 'Unreachable',
      message: expect.stringContaining('install xen-utils'),
    });
  });

  test('an xl that hangs is killed', async () => {
    const root = tempTree();
    writeTree(root, 'xl', '#!/bin/sh\necho "waiting for the lock" >&2\nsleep 60\n');
    chmodSync(join(root, 'xl'), 0o755);
    const xl = new Xl(join(root, 'xl'), { readMs: 5_000, bindMs: 300, attachMs: 300 });
    await expect(xl.assignableAdd(CARD, never)).rejects.toMatchObject({
      code: 'DeadlineExceeded',
      message: expect.stringContaining('waiting for the lock'),
    });
  });
});
