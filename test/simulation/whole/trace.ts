/** What happened in a run, in order: always as a hash, by which two runs are compared, and as text for whoever reads it. */
export class Trace {
  readonly lines: string[] = [];
  readonly #keeps: boolean;
  readonly #now: () => number;
  #high = 0xdeadbeef;
  #low = 0x41c6ce57;

  /** @param now elapsed virtual ms. @param keeps whether the lines are kept. */
  constructor(now: () => number, keeps: boolean) {
    this.#now = now;
    this.#keeps = keeps;
  }

  /** Whether somebody will read it: then it is worth telling more. */
  get isRead(): boolean {
    return this.#keeps;
  }

  note(what: string): void {
    const now = this.#now();
    this.#mix(now & 0xffff);
    for (let index = 0; index < what.length; index += 1) this.#mix(what.charCodeAt(index));
    if (this.#keeps) this.lines.push(`${(now / 1000).toFixed(3).padStart(10)} s  ${what}`);
  }

  /** 16 hex digits over everything so far. */
  get hash(): string {
    return [this.#high, this.#low].map(part => (part >>> 0).toString(16).padStart(8, '0')).join('');
  }

  #mix(code: number): void {
    this.#high = Math.imul(this.#high ^ code, 2_654_435_761);
    this.#low = Math.imul(this.#low ^ code ^ (this.#high >>> 16), 1_597_334_677);
  }
}
