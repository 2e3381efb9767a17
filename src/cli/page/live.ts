import type { PageSource } from '../../daemon/page/server.ts';
import type { PageState } from '../../daemon/page/state.ts';
import { isSimulated } from '../../simulator/index.ts';
import type { Lookout, Survey } from '../looks/survey.ts';
import type { Shell } from '../terminal/shell.ts';
import { pageEvents } from './events.ts';
import { pageState } from './state.ts';

/** ms after a hint before browsers are told: what belongs together, such as one attach, comes in many hints. */
const SETTLE_MS = 300;
/** ms after which a page is old, whatever was heard of: times and what gives no hint. */
const OLD_MS = 15_000;

/** The page of a host as it is: looked at when it is asked for and something may have changed, and then only once. */
export class LivePage implements PageSource {
  readonly #lookout: Lookout;
  readonly #shell: Shell;
  #fresh: Promise<PageState> | undefined;

  constructor(lookout: Lookout, shell: Shell) {
    this.#lookout = lookout;
    this.#shell = shell;
  }

  state(): Promise<PageState> {
    this.#fresh ??= this.#look();
    return this.#fresh;
  }

  onChange(changed: () => void): () => void {
    let settling: NodeJS.Timeout | undefined;
    const tell = (): void => {
      settling = undefined;
      this.#fresh = undefined;
      changed();
    };
    const endHints = this.#lookout.onHint(() => {
      settling ??= setTimeout(tell, SETTLE_MS);
    });
    const growingOld = setInterval(tell, OLD_MS);
    return () => {
      endHints();
      clearTimeout(settling);
      clearInterval(growingOld);
    };
  }

  async #look(): Promise<PageState> {
    try {
      return await pageOf(await this.#lookout.survey(), this.#shell);
    } catch (error) {
      this.#fresh = undefined;
      throw error;
    }
  }
}

/** The page of one look. */
export async function pageOf(look: Survey, shell: Shell): Promise<PageState> {
  const { layout } = look.globals;
  const [events, simulated] = await Promise.all([pageEvents(layout), isSimulated(layout)]);
  return pageState(look, { events, simulated, shell });
}
