/** A guest's console as xenconsoled logs it. */
import { readFile, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { until } from './deadline.ts';

/** The console log of one guest, from one moment on. xenconsoled appends to the same file when the guest starts anew. */
export class Console {
  readonly #path: string;
  readonly #from: number;

  private constructor(path: string, from: number) {
    this.#path = path;
    this.#from = from;
  }

  /** The console of the guest called `name`, from now on. It need not run yet. */
  static async of(name: string): Promise<Console> {
    return new Console(pathOf(name), await size(pathOf(name)));
  }

  /** The console of the guest called `name`, from its very first start on. */
  static whole(name: string): Console {
    return new Console(pathOf(name), 0);
  }

  /** A console that shows only what is written from now on: for "and then not one line more". */
  async sinceNow(): Promise<Console> {
    return new Console(this.#path, await size(this.#path));
  }

  /** Everything written so far, without carriage returns. */
  async text(): Promise<string> {
    const content = await readFile(this.#path).catch(absent);
    return content?.subarray(this.#from).toString('utf8').replaceAll('\r', '') ?? '';
  }

  /**
   * Waits until the text contains `pattern`; returns the match.
   * @throws Error after `ms`, with the end of the text.
   */
  async waitFor(pattern: RegExp, ms: number): Promise<RegExpExecArray> {
    const look = async (): Promise<RegExpExecArray | undefined> => pattern.exec(await this.text()) ?? undefined;
    try {
      return await until(`${basename(this.#path)} shows ${pattern}`, look, ms);
    } catch (error) {
      const end = (await this.text()).slice(-2_000);
      throw new Error(`${String(error)}; the console ends with:\n${end}`, { cause: error });
    }
  }
}

function pathOf(name: string): string {
  return `/var/log/xen/console/guest-${name}.log`;
}

async function size(path: string): Promise<number> {
  return (await stat(path).catch(absent))?.size ?? 0;
}

function absent(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
}
