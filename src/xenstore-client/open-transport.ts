import { openDevice } from './device-transport.ts';
import { ConnectError } from './errors.ts';
import { openSocket } from './socket-transport.ts';
import type { OpenTransport } from './transport.ts';

/** xenstored's socket (Debian's `XENSTORED_RUNDIR`). */
export const DEFAULT_SOCKET_PATH = '/run/xenstored/socket';

/** The kernel's way to xenstored, wherever it runs: another domain included. */
export const DEFAULT_DEVICE_PATH = '/dev/xen/xenbus';

/**
 * Opens xenstored's socket, or else the kernel's device, in libxenstore's order. The kind that has worked once is kept:
 * while xenstored is being restarted the device can still be opened, but nobody answers there.
 * The transport's opener rejects with {@link ConnectError} when no way is open.
 */
export function socketOrDevice(socketPath: string, devicePath: string): OpenTransport {
  let candidates: OpenTransport[] = [openSocket(socketPath), openDevice(devicePath)];
  return async (events, signal) => {
    const failures: Error[] = [];
    for (const candidate of candidates) {
      try {
        const transport = await candidate(events, signal);
        candidates = [candidate];
        return transport;
      } catch (error) {
        signal.throwIfAborted();
        failures.push(error instanceof Error ? error : new Error(String(error)));
      }
    }
    throw new ConnectError(failures);
  };
}
