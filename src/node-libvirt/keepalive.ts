/** How to find out that the other side is dead although the connection stands. */
export interface KeepaliveOptions {
  /** Milliseconds of silence before a ping, and between pings. */
  readonly intervalMs: number;
  /** Unanswered pings after which the connection counts as dead. */
  readonly count: number;
}

/** Counts silence as libvirt's own clients do (libvirt src/rpc/virkeepalive.c): anything heard proves life. */
export class Keepalive {
  readonly #timer: NodeJS.Timeout;
  #unanswered = 0;

  constructor(options: KeepaliveOptions, ping: () => void, dead: () => void) {
    this.#timer = setInterval(() => {
      this.#unanswered += 1;
      if (this.#unanswered > options.count) dead();
      else ping();
    }, options.intervalMs);
  }

  /** Something came from the other side. */
  heard(): void {
    this.#unanswered = 0;
    this.#timer.refresh();
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
