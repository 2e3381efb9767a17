import { join } from 'node:path';
import type { Dom0Layout } from '../api/layout.ts';
import { messageOf } from '../controller/message-of.ts';
import type { InventoryStore } from '../controller/ports.ts';
import { replaceFile } from '../host/replace-file.ts';
import type { Inventory } from '../plan/inventory.ts';
import { readBounded } from './bounded-read.ts';
import { decodeInventory, encodeInventory } from './inventory-record.ts';

/** A record of every function that a host can have is some 20 MB; more is no record of ours. */
const BYTES_MAX = 32 * 1024 * 1024;

/** The record of what we hold, as a file of the state folder. No file is an empty record: nothing was ever held. */
export class InventoryFile implements InventoryStore {
  readonly path: string;

  constructor(layout: Dom0Layout) {
    this.path = join(layout.state, 'inventory.json');
  }

  async load(): Promise<Inventory> {
    try {
      const text = await readBounded(this.path, BYTES_MAX);
      return text === undefined ? new Map() : decodeInventory(text);
    } catch (cause) {
      throw new Error(
        `the record of held devices cannot be used: ${this.path} ${messageOf(cause)}. Restore it from a backup, or move ` +
          'it away to begin with an empty one: then devices that no manifest names any more stay where they are',
        { cause },
      );
    }
  }

  async save(inventory: Inventory): Promise<void> {
    try {
      await replaceFile(this.path, encodeInventory(inventory), { mode: 0o600, durable: true });
    } catch (cause) {
      throw new Error(`the record of held devices cannot be written: ${messageOf(cause)}`, { cause });
    }
  }
}
