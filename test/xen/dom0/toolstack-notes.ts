/** What the toolstack notes about devices (`/libxl/pci`: who has one, which driver it had), as it happens. */
import { spawn } from 'node:child_process';
import { currentSignal, until } from './deadline.ts';

/** Records every write and removal below `/libxl/pci`, by whomever. The signal of the test around it ends it. */
export class ToolstackNotes {
  #text = '';

  private constructor() {
    // Line by line: into a pipe it would write in blocks.
    const child = spawn('stdbuf', ['-oL', 'xenstore-watch', '/libxl/pci'], {
      stdio: ['ignore', 'pipe', 'inherit'],
      signal: currentSignal(),
      killSignal: 'SIGKILL',
    });
    child.once('error', () => undefined);
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.#text += text;
    });
  }

  /** From now on. */
  static async record(): Promise<ToolstackNotes> {
    const notes = new ToolstackNotes();
    // A watch announces itself once, when it is set.
    await until('xenstore-watch is ready', async () => (notes.all().length > 0 ? true : undefined), 30_000);
    return notes;
  }

  /** The nodes that were written or removed, in the order of time, one for each time. */
  all(): readonly string[] {
    return this.#text.split('\n').slice(0, -1);
  }
}
