import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { RunningController } from './controller.ts';
import { edited, FIRST_WISH, hashOf, manifestText, type Wish } from './manifests.ts';
import type { Guest } from './world.ts';

/** An edit that no status has been seen to name yet. */
interface Outstanding {
  readonly name: string;
  readonly hash: string;
  readonly edit: number;
  /** performance.now() after the rename. */
  readonly savedAt: number;
  readonly moves: boolean;
}

/** The folder of manifests and a folder beside it, where files are written before they are moved. */
export interface Folders {
  readonly manifests: string;
  readonly staging: string;
}

/** How often the API is asked about the oldest edit, ms. It adds up to this to a latency, never less than nothing. */
const ASK_MS = 20;

/** Writes manifests, and remembers what each of them says. */
export class Manifests {
  readonly #guests: readonly Guest[];
  readonly #folders: Folders;
  readonly #wishes = new Map<string, { readonly wish: Wish; readonly hash: string }>();

  constructor(guests: readonly Guest[], folders: Folders) {
    this.#guests = guests;
    this.#folders = folders;
    for (const guest of guests) this.#save(guest, FIRST_WISH);
  }

  /** What each guest's manifest says now, by name of the guest. */
  get wishes(): ReadonlyMap<string, { readonly wish: Wish; readonly hash: string }> {
    return this.#wishes;
  }

  /** Edits one manifest after the other, in an order that looks like none. @param number of the edit, from 1. */
  edit(number: number): Outstanding {
    const guest = this.#guests[(number * 389) % this.#guests.length];
    const before = guest && this.#wishes.get(guest.name)?.wish;
    if (guest === undefined || before === undefined) throw new Error('there is no manifest to edit');
    const wish = edited(before, number);
    const hash = this.#save(guest, wish);
    const { name } = guest;
    return { name, hash, edit: wish.edit, savedAt: performance.now(), moves: wish.devices !== before.devices };
  }

  #save(guest: Guest, wish: Wish): string {
    const text = manifestText(guest, wish);
    const hash = hashOf(text);
    const file = `${guest.name}.yaml`;
    writeFileSync(join(this.#folders.staging, file), text);
    renameSync(join(this.#folders.staging, file), join(this.#folders.manifests, file));
    this.#wishes.set(guest.name, { wish, hash });
    return hash;
  }
}

/** What became of the edits. */
export interface Followed {
  readonly saved: number;
  /** From the rename to a status that names the content, ms. */
  readonly seenMs: readonly number[];
  /** From the rename until the assignment is Ready with that content, of edits that make a device move, ms. */
  readonly movedMs: readonly number[];
  /** Edits of files that were edited again before any status named them. */
  readonly overtaken: number;
  /** Edits that wait to be seen, at each second. */
  readonly waiting: readonly number[];
}

/** Follows edits through the API of a controller, the oldest first. */
export class Follower {
  readonly #controller: RunningController;
  readonly #unseen = new Map<string, Outstanding>();
  readonly #moving = new Map<string, Outstanding>();
  readonly #seenMs: number[] = [];
  readonly #movedMs: number[] = [];
  #saved = 0;
  #overtaken = 0;

  constructor(controller: RunningController) {
    this.#controller = controller;
  }

  add(edit: Outstanding): void {
    this.#saved += 1;
    if (this.#unseen.delete(edit.name)) this.#overtaken += 1;
    this.#moving.delete(edit.name);
    this.#unseen.set(edit.name, edit);
    if (edit.moves) this.#moving.set(edit.name, edit);
  }

  get waiting(): number {
    return this.#unseen.size;
  }

  get moving(): number {
    return this.#moving.size;
  }

  /** Asks until it is told to end. */
  async follow(ending: AbortSignal): Promise<void> {
    while (!ending.aborted) {
      await this.#round(this.#unseen, this.#seenMs, false);
      await this.#round(this.#moving, this.#movedMs, true);
      await wait(ASK_MS);
    }
  }

  result(waiting: readonly number[]): Followed {
    const [seenMs, movedMs] = [this.#seenMs, this.#movedMs];
    return { saved: this.#saved, seenMs, movedMs, overtaken: this.#overtaken, waiting };
  }

  async #round(list: Map<string, Outstanding>, times: number[], mustBeReady: boolean): Promise<void> {
    for (const edit of list.values()) {
      const shown = await this.#controller.assignment(edit.name);
      const ready = shown?.status.conditions.find(({ type }) => type === 'Ready');
      const isNamed = ready?.observedGeneration === edit.hash && shown?.metadata.labels?.edit === String(edit.edit);
      if (!isNamed || (mustBeReady && ready.status !== 'True')) return;
      // It may have been edited again while the answer was on its way.
      if (list.get(edit.name) !== edit) return;
      list.delete(edit.name);
      times.push(performance.now() - edit.savedAt);
    }
  }
}
