import { type CallOptions, prepareCall } from './call.ts';
import type { Link } from './link.ts';
import type { Procedure } from './procedures.ts';

/** A connection, and how many of its calls have not been answered. */
interface Lane {
  readonly link: Link;
  waiting: number;
}

/**
 * The connections for changes. The daemon works on few calls of one client at a time, and a change takes it long: what does
 * not fit into the first connection goes over others, which are there only as long as they are needed.
 */
export class ChangeLinks {
  readonly #open: () => Link;
  readonly #window: number;
  readonly #most: number;
  readonly #first: Lane;
  #others: readonly Lane[] = [];

  /**
   * @param open makes a connection; nothing is connected before its first call.
   * @param window calls that one connection has under way.
   * @param most connections at the same time.
   */
  constructor(open: () => Link, window: number, most: number) {
    this.#open = open;
    this.#window = window;
    this.#most = most;
    this.#first = { link: open(), waiting: 0 };
  }

  /** Sends a call over the connection that has room for it, or where the fewest wait. */
  async call<Args, Result>(
    procedure: Procedure<Args, Result>,
    args: Args,
    options: CallOptions & { readonly deadlineMs: number },
  ): Promise<Result> {
    const lane = this.#lane();
    const call = prepareCall(procedure, args, options, () => lane.link.lastError);
    lane.waiting += 1;
    try {
      lane.link.submit(call);
      return await call.promise;
    } finally {
      lane.waiting -= 1;
      this.#tidy(lane);
    }
  }

  /** Rejects everything under way. Final. */
  close(): void {
    for (const { link } of [this.#first, ...this.#others]) link.close();
  }

  #lane(): Lane {
    const lanes = [this.#first, ...this.#others];
    const free = lanes.find(({ waiting }) => waiting < this.#window);
    if (free !== undefined) return free;
    if (lanes.length < this.#most) {
      const lane = { link: this.#open(), waiting: 0 };
      this.#others = [...this.#others, lane];
      return lane;
    }
    return lanes.reduce((least, lane) => (lane.waiting < least.waiting ? lane : least));
  }

  #tidy(lane: Lane): void {
    if (lane === this.#first || lane.waiting > 0) return;
    lane.link.close();
    this.#others = this.#others.filter(other => other !== lane);
  }
}
