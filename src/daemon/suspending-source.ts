import type { SourceSnapshot } from '../api/manifest.ts';
import type { Source } from '../controller/ports.ts';
import { withSuspensions } from '../plan/suspended.ts';
import type { SuspensionFile } from './suspension-file.ts';

/**
 * The manifests with what persons have suspended laid over them. Whoever decides reads them through this, so that the
 * controller, libvirt's hook and every command agree.
 */
export class SuspendingSource implements Source {
  readonly #source: Source;
  readonly #suspensions: SuspensionFile;

  constructor(source: Source, suspensions: SuspensionFile) {
    this.#source = source;
    this.#suspensions = suspensions;
  }

  async read(): Promise<SourceSnapshot> {
    const source = await this.#source.read();
    // Read last: what is suspended while the manifests are read counts already.
    return withSuspensions(source, await this.#suspensions.load());
  }

  onHint(hint: (about: string) => void): () => void {
    const ends = [this.#source.onHint(hint), this.#suspensions.onHint(() => hint('suspensions'))];
    return () => {
      for (const end of ends) end();
    };
  }

  close(): Promise<void> {
    return this.#source.close();
  }
}
