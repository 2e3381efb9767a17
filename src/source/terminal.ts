/**
 * Columns that an excerpt takes at most, and how many of them may stand before the caret: with an indent of four and the
 * marks of what is cut it fits 80 columns, so that no terminal moves the caret.
 */
const WIDTH_MAX = 74;
const BEFORE_CARET = 50;

// Controls, formats such as the bidirectional overrides, lone surrogates, and the other two line ends.
const UNSAFE = /[\p{C}\p{Zl}\p{Zp}]/u;
const ZERO_WIDTH = /[\p{Mn}\p{Me}]/u;
const WIDE =
  /[\u1100-\u115F\u2E80-\u303E\u3041-\uA4CF\uAC00-\uD7A3\uF900-\uFAFF\uFE30-\uFE6F\uFF00-\uFF60\uFFE0-\uFFE6\u{1F300}-\u{1FAFF}\u{20000}-\u{3FFFD}]|\p{Emoji_Presentation}/u;

/** One line of text with nothing in it that a terminal would act on. */
export function safeLine(text: string): string {
  return Array.from(text, safeCharacter).join('');
}

/** Columns that a terminal gives to a text. */
export function columnsOf(text: string): number {
  return width(Array.from(text));
}

/** As much of a text's beginning as fits into so many columns. */
export function firstColumns(text: string, columns: number): string {
  return firstWithin(Array.from(text), columns).join('');
}

/**
 * A line, and below it a caret under one of its characters. The line is cut around the caret when it is long.
 * @param index the character's offset in the line, in UTF-16 code units; the line's length points behind its end.
 */
export function caretExcerpt(line: string, index: number): string {
  // Text further away can never be shown: a line may be a mebibyte long.
  const keep = line.length <= WIDTH_MAX ? WIDTH_MAX : BEFORE_CARET;
  const from = characterStart(line, Math.max(0, index - keep));
  const before = Array.from(line.slice(from, index), safeCharacter);
  const after = Array.from(line.slice(index, index + WIDTH_MAX), safeCharacter);
  const head = lastWithin(before, keep);
  const tail = firstWithin(after, WIDTH_MAX - width(head));
  const cutHead = from > 0 || head.length < before.length ? '…' : '';
  const cutTail = tail.length < after.length || index + WIDTH_MAX < line.length ? '…' : '';
  const shown = `${cutHead}${head.join('')}${tail.join('')}${cutTail}`;
  return `${shown.trimEnd()}\n${' '.repeat(cutHead.length + width(head))}^`;
}

function safeCharacter(character: string): string {
  if (character === '\t') return ' ';
  return UNSAFE.test(character) ? '\uFFFD' : character;
}

/** Does not let a slice begin in the middle of a surrogate pair. */
function characterStart(line: string, index: number): number {
  const code = line.charCodeAt(index);
  return code >= 0xdc00 && code <= 0xdfff && index > 0 ? index + 1 : index;
}

function width(characters: readonly string[]): number {
  return characters.reduce((sum, character) => sum + characterWidth(character), 0);
}

function characterWidth(character: string): number {
  if (ZERO_WIDTH.test(character)) return 0;
  return WIDE.test(character) ? 2 : 1;
}

function firstWithin(characters: readonly string[], columns: number): readonly string[] {
  let left = columns;
  const end = characters.findIndex(character => {
    left -= characterWidth(character);
    return left < 0;
  });
  return end === -1 ? characters : characters.slice(0, end);
}

function lastWithin(characters: readonly string[], columns: number): readonly string[] {
  return firstWithin(characters.toReversed(), columns).toReversed();
}
