import type { PageDevice, Tone } from './state.ts';

/** The worst first. What is in place, or managed by nobody, is worth a look where it has a reason, such as `Orphan`. */
const TONES = ['failed', 'refused', 'waiting', 'ready', 'idle'] as const satisfies readonly Tone[];

/** Devices that are not as they should be, for one reason. */
export interface Trouble {
  readonly tone: Tone;
  readonly reason: string;
  readonly devices: readonly PageDevice[];
}

/** What a person should look at first: the worst first, then by reason. */
export function troublesOf(devices: readonly PageDevice[]): readonly Trouble[] {
  return TONES.flatMap(tone => {
    const found = devices.filter(device => device.tone === tone && (isTroubled(tone) || device.reason !== undefined));
    const reasons = [...new Set(found.map(({ reason = '' }) => reason))].sort();
    return reasons.map(reason => ({
      tone,
      reason,
      devices: found.filter(device => (device.reason ?? '') === reason),
    }));
  });
}

function isTroubled(tone: Tone): boolean {
  return tone !== 'ready' && tone !== 'idle';
}
