import { messageOf } from '../controller/message-of.ts';
import { runCommand } from '../host/command.ts';

/** What a service manager may be told: sd_notify(3). */
export type Notice = Readonly<Partial<Record<'READY' | 'STATUS' | 'STOPPING' | 'WATCHDOG', string>>>;

/** systemd-notify waits until systemd has taken the notice, at most 5 s, ms. */
const DEADLINE_MS = 10_000;

/**
 * Tells systemd how this service stands, through `systemd-notify`: Node has no datagram sockets of unix. That program
 * stays until systemd has taken the notice, so that systemd still sees which service it belongs to (systemd 246; never
 * `--no-block`); the unit needs `NotifyAccess=all`.
 */
export class Notifier {
  readonly #onError: (message: string) => void;
  readonly #pending = new Map<string, string>();
  #sending: Promise<void> | undefined;
  #failing = false;

  /** @param onError told when systemd cannot be told, once until it can again: the work goes on without. */
  constructor(onError: (message: string) => void) {
    this.#onError = onError;
  }

  /** Tells it soon; of what is said several times meanwhile only the last counts. */
  tell(notice: Notice): void {
    for (const [name, value] of Object.entries(notice)) this.#pending.set(name, value.replaceAll(/\s+/g, ' '));
    this.#sending ??= this.#drain();
  }

  /** Resolves when all has been told. */
  async close(): Promise<void> {
    await this.#sending;
  }

  async #drain(): Promise<void> {
    while (this.#pending.size > 0) {
      const args = [...this.#pending].map(([name, value]) => `${name}=${value}`);
      this.#pending.clear();
      await this.#send(args);
    }
    this.#sending = undefined;
  }

  async #send(args: readonly string[]): Promise<void> {
    try {
      const { exitCode, stderr } = await runCommand('systemd-notify', args, { deadlineMs: DEADLINE_MS });
      if (exitCode !== 0) throw new Error(`systemd-notify failed with exit code ${exitCode}: ${stderr.trim()}`);
      this.#failing = false;
    } catch (cause) {
      if (!this.#failing) this.#onError(`systemd cannot be told how this service stands: ${messageOf(cause)}`);
      this.#failing = true;
    }
  }
}
