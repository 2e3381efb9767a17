/** What asks a program to stop: a person's ctrl-C, a service, a terminal that is gone. */
export type StopSignal = 'SIGINT' | 'SIGTERM' | 'SIGHUP';

/** Registers what is called at each request to stop. @returns a function that ends it. */
export type OnStop = (stop: (signal?: StopSignal) => void) => () => void;

/** Requests to stop, from now on: none is lost that comes before somebody can act on it. */
export class StopRequests {
  readonly #end: () => void;
  #count = 0;
  #hear: (() => void) | undefined;

  constructor(onStop: OnStop) {
    this.#end = onStop(() => {
      this.#count += 1;
      this.#hear?.();
    });
  }

  /** Calls `hear` for each request, those included that have come already. */
  listen(hear: () => void): void {
    this.#hear = hear;
    for (let heard = 0; heard < this.#count; heard += 1) hear();
  }

  /** Hears no more. */
  end(): void {
    this.#end();
  }
}
