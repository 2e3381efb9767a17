import type { Dom0 } from '../dom0.ts';

/**
 * Watches for the end of one running guest. It only ever hastens what has a deadline of its own, so an xenstore that
 * does not answer is left to the next look.
 * @param ended called when the guest is no more; perhaps at once, and perhaps more than once.
 * @returns how to end the watch.
 * @throws what the xenstore client throws when there is no connection.
 */
export async function watchGuestEnd(
  { xenstore }: Dom0,
  domid: number,
  ended: () => void,
  signal: AbortSignal,
): Promise<{ close(): Promise<void> }> {
  const client = await xenstore.client();
  const look = async (): Promise<void> => {
    if (!(await client.isDomainIntroduced(domid, { signal }))) ended();
  };
  return client.watch('@releaseDomain', () => void look().catch(() => undefined), { signal });
}
