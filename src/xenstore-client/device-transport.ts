import { type ChildProcess, spawn } from 'node:child_process';
import { type FileHandle, open } from 'node:fs/promises';
import type { OpenTransport, Transport, TransportEvents } from './transport.ts';
import { HEADER_BYTES, MAX_PAYLOAD_BYTES } from './wire.ts';

/**
 * Opens the kernel's xenbus device (Linux's `drivers/xen/xenbus/xenbus_dev_frontend.c`).
 *
 * A read from it blocks until a message comes. Inside Node it would hold one of libuv's few threads for ever, and
 * even `process.exit()` would wait for it. So a small process reads: `cat`, sharing our open file, and killed by the
 * kernel should we die first (`setpriv --pdeathsig`; both programs are essential packages in Debian).
 */
export function openDevice(path: string): OpenTransport {
  return async (events, signal) => {
    const file = await open(path, 'r+');
    try {
      signal.throwIfAborted();
      return await attach(file, events);
    } catch (error) {
      await file.close();
      throw error;
    }
  };
}

async function attach(file: FileHandle, events: TransportEvents): Promise<Transport> {
  const reader = spawn('setpriv', ['--pdeathsig', 'KILL', 'cat'], { stdio: [file.fd, 'pipe', 'ignore'] });
  await started(reader);
  return new DeviceTransport(file, reader, events);
}

function started(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', reject);
  });
}

class DeviceTransport implements Transport {
  /** The kernel's buffer of 4096 bytes holds the header too. */
  readonly maxPayload: number = MAX_PAYLOAD_BYTES - HEADER_BYTES;
  /** The kernel passes events on by a thread of their own (Linux drivers/xen/xenbus/xenbus_xs.c, xenwatch_thread). */
  readonly inOrder = false;
  /**
   * One request at a time, as libxenstore does. The kernel asks xenstored for a watch while it holds the lock of our file,
   * and hands answers to our other requests in under the same lock, in the one thread that takes answers in for all of
   * dom0: side by side, they stop xenstore for the kernel and everybody who uses the device, until dom0 is restarted (seen
   * with Linux 6.1; drivers/xen/xenbus/xenbus_dev_frontend.c, msgbuffer_mutex in xenbus_file_write and
   * xenbus_dev_queue_reply).
   */
  readonly pipelined = false;
  readonly #file: FileHandle;
  readonly #reader: ChildProcess;
  #cause = new Error('the reader of the xenbus device ended');
  #writes: Promise<void> = Promise.resolve();

  constructor(file: FileHandle, reader: ChildProcess, events: TransportEvents) {
    this.#file = file;
    this.#reader = reader;
    reader.stdout?.on('data', (chunk: Buffer) => events.data(chunk));
    reader.once('close', () => void this.#finish(events));
  }

  /** One write for each frame: the kernel forgets what follows a complete message in the same write. */
  send(frame: Buffer): void {
    this.#writes = this.#writes
      .then(() => this.#file.write(frame))
      .then(
        () => {},
        (error: Error) => {
          this.#cause = error;
          this.close();
        },
      );
  }

  close(): void {
    this.#reader.kill('SIGKILL');
  }

  async #finish(events: TransportEvents): Promise<void> {
    await this.#writes;
    try {
      await this.#file.close();
    } catch (error) {
      this.#cause = new Error('closing the xenbus device failed', { cause: error });
    }
    events.closed(this.#cause);
  }
}
