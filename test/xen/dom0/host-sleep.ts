/** The sleep of the whole host, and its waking. */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { succeed } from './exec.ts';

const DRIVER = '/sys/bus/virtio/drivers/9pnet_virtio';
/** The share once more: nothing has used it before. */
const SPARE = 'after-sleep';

/**
 * Suspends dom0 to memory, and with it Xen and every domain, until a clock wakes it.
 * Linux cannot bring a mounted 9p share over a sleep: afterwards a second one lies over it, whose driver was not there
 * meanwhile. So this works once for each boot.
 */
export async function sleepHost(seconds: number): Promise<void> {
  process.chdir('/');
  const device = await spareDevice();
  await writeFile(`${DRIVER}/unbind`, device);
  await succeed('rtcwake', ['-m', 'mem', '-s', String(seconds)], 120_000);
  await writeFile(`${DRIVER}/bind`, device);
  await succeed('mount', ['-t', '9p', '-o', 'trans=virtio,version=9p2000.L,msize=262144', SPARE, '/share']);
}

async function spareDevice(): Promise<string> {
  const bound = (await readdir(DRIVER)).filter(name => name.startsWith('virtio'));
  for (const name of bound) {
    // The kernel ends it with a zero byte.
    if ((await readFile(`${DRIVER}/${name}/mount_tag`, 'utf8')).startsWith(SPARE)) return name;
  }
  throw new Error('there is no second share: the host cannot sleep twice in one boot');
}
