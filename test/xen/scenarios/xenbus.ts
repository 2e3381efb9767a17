/** Where xenstored has no socket, as when it runs in a domain of its own: only the kernel's device is left. */
import assert from 'node:assert/strict';
import { readdir, readlink, rename } from 'node:fs/promises';
import { NIC_ID, NICS } from '../dom0/devices.ts';
import { Guest } from '../dom0/guest.ts';
import { assignment } from '../dom0/manifest.ts';
import { Product, writeManifest } from '../dom0/product.ts';
import { loggedLine } from '../dom0/product-log.ts';
import { type Test, test } from '../dom0/test.ts';
import { holderOf } from '../dom0/xenstore.ts';

const [nic] = NICS;
const SOCKET = '/run/xenstored/socket';

async function overTheDevice(): Promise<void> {
  const red = await Guest.start({ name: 'red' });
  await writeManifest('red.yaml', assignment('red', {}));
  await rename(SOCKET, `${SOCKET}.away`);
  try {
    const product = await Product.start();
    await loggedLine('that red is ready', ({ event }) => event === 'Ready');
    assert.deepEqual(await xenstoreFiles(product), ['/dev/xen/xenbus']);

    // Hints come over the device as well: the next look by the clock is 30 s away.
    await writeManifest('red.yaml', assignment('red', { lan: nic }));
    await red.has([NIC_ID], 300_000);
    assert.equal(await holderOf(nic), await red.id());
    await writeManifest('red.yaml', assignment('red', {}));
    await red.has([], 300_000);
    assert.equal(await product.stop(), 0);
  } finally {
    await rename(`${SOCKET}.away`, SOCKET);
  }
}

/** The files of xenstore that the process has open. */
async function xenstoreFiles(product: Product): Promise<readonly string[]> {
  const folder = `/proc/${product.pid}/fd`;
  const links = await Promise.all((await readdir(folder)).map(fd => readlink(`${folder}/${fd}`).catch(() => '')));
  return [...new Set(links)].filter(link => link.includes('xen/xenbus') || link.includes('xenstored'));
}

/** What `npm run test:xen` runs. */
export const tests: readonly Test[] = [
  test('without a socket of xenstored everything works over /dev/xen/xenbus', overTheDevice, 600_000),
];
