/** libvirtd itself: how it is stopped and started behind everybody's back. */
import { readFile } from 'node:fs/promises';
import { until } from './deadline.ts';
import { run, succeed } from './exec.ts';

/** Waits until libvirtd answers. @throws Error after `ms`. */
export async function libvirtdAnswers(ms = 120_000): Promise<void> {
  const answer = async (): Promise<true | undefined> =>
    (await run('virsh', ['-q', 'version'], ms)).code === 0 ? true : undefined;
  await until('libvirtd answers', answer, ms);
}

/** Stops libvirtd and waits until it is gone. @param signal SIGTERM lets it end properly, SIGKILL does not. */
export async function stopLibvirtd(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
  const pid = Number(await readFile('/run/libvirtd.pid', 'utf8'));
  process.kill(pid, signal);
  await until('libvirtd has ended', async () => (isAlive(pid) ? undefined : true), 60_000);
}

/**
 * Kills libvirtd (-9) as soon as a condition of the shell holds, and waits until it is gone. The shell waits by itself: what
 * lasts half a second is over before a test has looked twice.
 * @throws Error when the condition does not hold within `ms`.
 */
export async function killLibvirtdWhen(condition: string, ms: number): Promise<void> {
  const pid = Number(await readFile('/run/libvirtd.pid', 'utf8'));
  await succeed('sh', ['-c', `until ${condition}; do :; done 2>/dev/null; kill -9 ${pid}`], ms);
  await until('libvirtd has ended', async () => (isAlive(pid) ? undefined : true), 60_000);
}

/** Starts libvirtd and waits until it answers. */
export async function startLibvirtd(): Promise<void> {
  await succeed('/usr/sbin/libvirtd', ['-d']);
  await libvirtdAnswers();
}

/** Stops libvirtd (see `stopLibvirtd`), starts it again, and waits until it answers. */
export async function restartLibvirtd(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
  await stopLibvirtd(signal);
  await startLibvirtd();
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}
