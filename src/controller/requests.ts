/** How a request to look now came to its end. */
export type Answer = 'atRest' | 'stopped';

/**
 * Requests to look now. Each is answered when a pass that began after it has ended, and nothing goes on any more: what was
 * begun has ended, and what is left waits.
 */
export class Requests {
  /** Not seen by a pass yet. */
  #waiting: ((answer: Answer) => void)[] = [];
  /** A pass has begun since. */
  #begun: ((answer: Answer) => void)[] = [];
  #ended = false;

  /** Asks. Resolves with the answer; at once when there will be no pass any more. */
  ask(): Promise<Answer> {
    if (this.#ended) return Promise.resolve('stopped');
    return new Promise(resolve => this.#waiting.push(resolve));
  }

  /** A pass begins. @returns whether somebody has asked since the last one began. */
  begin(): boolean {
    const isAsked = this.#waiting.length > 0;
    this.#begun.push(...this.#waiting.splice(0));
    return isAsked;
  }

  /** A pass has ended, and nothing goes on. */
  atRest(): void {
    for (const resolve of this.#begun.splice(0)) resolve('atRest');
  }

  /** There will be no pass any more. */
  end(): void {
    this.#ended = true;
    for (const resolve of [...this.#begun.splice(0), ...this.#waiting.splice(0)]) resolve('stopped');
  }
}
