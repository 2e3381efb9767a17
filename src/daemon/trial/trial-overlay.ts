import type { Dom0Layout } from '../../api/layout.ts';
import type { Overlay, Overlays } from '../../source/overlay.ts';
import type { Trial } from './trial.ts';
import { TrialFile } from './trial-file.ts';

/** What a trial lays over its folder. */
export function overlayOf({ path, text, by, until }: Trial): Overlay {
  const trial = { file: path, by, until: new Date(until).toISOString() };
  return { path, bytes: Buffer.from(text), trial };
}

/** The trial in force, for a process that only looks. What cannot be used is in force nowhere: the controller says so. */
export function trialOverlays(layout: Dom0Layout, folder: string): Overlays {
  const file = new TrialFile(layout);
  return {
    async read() {
      try {
        const trial = await file.load();
        if (trial?.folder !== folder || (await file.endAsFarAsKnown(trial)) !== undefined) return [];
        return [overlayOf(trial)];
      } catch {
        return [];
      }
    },
    onHint: () => () => undefined,
  };
}
