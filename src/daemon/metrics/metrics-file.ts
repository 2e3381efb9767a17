import { messageOf } from '../../controller/message-of.ts';
import { replaceFile } from '../../host/replace-file.ts';

/** Metrics as a text file of node_exporter, which reads it as a whole: it is replaced, never changed. */
export class MetricsFile {
  readonly #path: string;
  readonly #text: () => Promise<{ readonly text: string }>;
  readonly #onError: (message: string) => void;
  #isDue = false;
  #failed = false;
  #writing: Promise<void> | undefined;

  /** @param onError told when it cannot be written, once until it can be again. */
  constructor(path: string, text: () => Promise<{ readonly text: string }>, onError: (message: string) => void) {
    this.#path = path;
    this.#text = text;
    this.#onError = onError;
  }

  /** Writes soon; what is asked for while it is written is one more time. */
  write(): void {
    this.#isDue = true;
    this.#writing ??= this.#drain();
  }

  async close(): Promise<void> {
    await this.#writing;
  }

  async #drain(): Promise<void> {
    try {
      while (this.#isDue) {
        this.#isDue = false;
        const { text } = await this.#text();
        await replaceFile(this.#path, text, { mode: 0o644, durable: false });
      }
      this.#failed = false;
    } catch (cause) {
      if (!this.#failed) this.#onError(`the metrics cannot be written to ${this.#path}: ${messageOf(cause)}`);
      this.#failed = true;
    } finally {
      this.#writing = undefined;
    }
  }
}
