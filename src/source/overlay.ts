import type { TrialNow } from '../api/manifest.ts';

/** A file of the folder, by its path, and what is read instead of its content. */
export interface Overlay {
  readonly path: string;
  readonly bytes: Uint8Array;
  /** Set when it is a trial, which the snapshot then tells of. */
  readonly trial?: TrialNow;
}

/** Where overlays come from. */
export interface Overlays {
  /** Those in force now; of two for one file the last. @throws when that cannot be told: then nothing follows from it. */
  read(): Promise<readonly Overlay[]>;
  /** Calls `hint` whenever they may be others. @returns a function that ends it. */
  onHint(hint: () => void): () => void;
}

/** The same, and one more that is in force as long as this is used. */
export function withOverlay(overlays: Overlays, more: Overlay | undefined): Overlays {
  if (more === undefined) return overlays;
  return { read: async () => [...(await overlays.read()), more], onHint: hint => overlays.onHint(hint) };
}
