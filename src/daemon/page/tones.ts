import type { Tone } from './state.ts';

/** What a tone looks like without colour, and what it is called: of one, and of several. */
interface ToneLook {
  readonly mark: string;
  readonly word: string;
  readonly words: string;
}

export const TONES: Readonly<Record<Tone, ToneLook>> = {
  ready: { mark: '●', word: 'in place', words: 'in place' },
  waiting: { mark: '◐', word: 'waits', words: 'wait' },
  refused: { mark: '⊘', word: 'refused', words: 'refused' },
  failed: { mark: '✕', word: 'failed', words: 'failed' },
  idle: { mark: '○', word: 'not managed', words: 'not managed' },
};
