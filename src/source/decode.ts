import { isUtf8 } from 'node:buffer';
import type { ManifestProblem } from '../api/manifest.ts';
import { SourceText } from './source-text.ts';

/**
 * Reads bytes as UTF-8, without a byte order mark.
 * @returns the text, or a problem at the first byte that is not UTF-8.
 */
export function decodeUtf8(file: string, bytes: Uint8Array): SourceText | ManifestProblem {
  const source = new SourceText(file, new TextDecoder().decode(bytes));
  if (isUtf8(bytes)) return source;
  return source.problem(firstMalformed(bytes), 'Unreadable', '', 'is not UTF-8 here; save the file as UTF-8');
}

/** Offset in the decoded text of the first byte that does not go on as UTF-8, found by halving. */
function firstMalformed(bytes: Uint8Array): number {
  let good = 0;
  let bad = bytes.length + 1;
  while (bad - good > 1) {
    const middle = (good + bad) >>> 1;
    if (decodedPrefix(bytes.subarray(0, middle)) === undefined) bad = middle;
    else good = middle;
  }
  return decodedPrefix(bytes.subarray(0, good))?.length ?? 0;
}

/** The text of a prefix that may end within a character, or undefined when it is not UTF-8. */
function decodedPrefix(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream: true });
  } catch {
    return undefined;
  }
}
