import { nodePath, Refused } from './requests.ts';

/** Most watches of one connection; more is a client's mistake. */
const WATCHES_MAX = 4096;

interface Watch {
  /** As the client named it: events name paths the same way. */
  readonly named: string;
  readonly path: string;
  readonly token: string;
}

/** The watches of one connection. */
export class Watches {
  readonly #watches: Watch[] = [];
  readonly #send: (path: string, token: string) => void;

  /** @param send tells the client of an event. */
  constructor(send: (path: string, token: string) => void) {
    this.#send = send;
  }

  /** Sets one up. @throws {Refused} EEXIST, E2BIG, EINVAL */
  add(named: string, token: string): void {
    const path = named.startsWith('@') ? named : nodePath(named);
    if (this.#watches.some(watch => watch.path === path && watch.token === token)) throw new Refused('EEXIST');
    if (this.#watches.length >= WATCHES_MAX) throw new Refused('E2BIG');
    this.#watches.push({ named, path, token });
  }

  /** Takes one down. @throws {Refused} ENOENT */
  remove(named: string, token: string): void {
    const index = this.#watches.findIndex(watch => watch.named === named && watch.token === token);
    if (index === -1) throw new Refused('ENOENT');
    this.#watches.splice(index, 1);
  }

  clear(): void {
    this.#watches.length = 0;
  }

  /** A node changed, or a special event came. A watch below a removed node is told of its own path. */
  fire(path: string, removed: boolean): void {
    for (const watch of [...this.#watches]) {
      if (isWithin(path, watch.path)) this.#send(relativeTo(watch, path), watch.token);
      else if (removed && isWithin(watch.path, path)) this.#send(watch.named, watch.token);
    }
  }
}

function isWithin(path: string, folder: string): boolean {
  if (path === folder) return true;
  return path.startsWith(folder === '/' ? '/' : `${folder}/`);
}

/** A watch on a relative path is told relative paths. */
function relativeTo({ named, path: watched }: Watch, path: string): string {
  return named === watched ? path : `${named}${path.slice(watched.length)}`;
}
