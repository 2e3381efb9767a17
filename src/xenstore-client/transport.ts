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
  /** Whether answers and watch events come in the order in which xenstored sent them. */
  readonly inOrder: boolean;
  /** Whether a request may be sent before the one before it has its answer. */
  readonly pipelined: boolean;
  /** Sends one whole frame. A failure is told by `closed`. */
  send(frame: Buffer): void;
  /** Starts closing. The end is told by `closed`. */
  close(): void;
}

/** Opens a transport; rejects when that fails, and with the signal's reason when it is aborted. */
export type OpenTransport = (events: TransportEvents, signal: AbortSignal) => Promise<Transport>;
