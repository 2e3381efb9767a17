/** What asks a program to stop: a person's ctrl-C, a service, a terminal that is gone. */
export type StopSignal = 'SIGINT' | 'SIGTERM' | 'SIGHUP';

/** Registers what is called at each request to stop. @returns a function that ends it. */
export type OnStop = (stop: (signal?: StopSignal) => void) => () => void;

/** Requests to stop, from now on: none is lost that comes before somebody can act on it. */
export class StopRequests {
  readonly #end: () => void;
  readonly #come: (StopSignal | undefined)[] = [];
  #hear: ((signal?: StopSignal) => void) | undefined;

  constructor(onStop: OnStop) {
    this.#end = onStop(signal => {
      this.#come.push(signal);
      this.#hear?.(signal);
    });
  }

  /** Calls `hear` for each request, those included that have come already. */
  listen(hear: (signal?: StopSignal) => void): void {
    this.#hear = hear;
    for (const signal of [...this.#come]) hear(signal);
  }

  /** Hears no more. */
  end(): void {
    this.#end();
  }
}
