import { openDevice } from './device-transport.ts';
import { ConnectError } from './errors.ts';
import { openSocket } from './socket-transport.ts';

/** What a transport tells its user. Nothing is called after `closed`. */
export interface TransportEvents {
  /** Bytes from xenstored, cut anywhere. */
  data(chunk: Uint8Array): void;
  /** The transport is gone, by `close` or by itself, and holds no resource any more. Called exactly once. */
  closed(cause: Error): void;
}

/** An open way to xenstored. */
export interface Transport {
  /** Most payload bytes in a request that this way can carry. */
  readonly maxPayload: number;
  /** Sends one whole frame. A failure is told by `closed`. */
  send(frame: Buffer): void;
  /** Starts closing. The end is told by `closed`. */
  close(): void;
}

/** Opens a transport; rejects when that fails, and with the signal's reason when it is aborted. */
export type OpenTransport = (events: TransportEvents, signal: AbortSignal) => Promise<Transport>;

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
