/** Elements within one another: libvirt's schema needs about ten, and metadata is free to have more. */
const DEPTH_MAX = 128;

const SPACE = '[ \\t\\r\\n]';
const LETTER =
  ':A-Z_a-z\\xc0-\\xd6\\xd8-\\xf6\\xf8-\\u02ff\\u0370-\\u037d\\u037f-\\u1fff\\u200c-\\u200d\\u2070-\\u218f\\u2c00-\\u2fef\\u3001-\\ud7ff' +
  '\\uf900-\\ufdcf\\ufdf0-\\ufffd\\u{10000}-\\u{effff}';
const NAME = `[${LETTER}][-.0-9\\xb7\\u0300-\\u036f\\u203f-\\u2040${LETTER}]*`;
/** XML 1.0, fifth edition: productions 4, 5, 15, 16, 18 to 21 and 40 to 44. */
const TOKEN = new RegExp(
  [
    '(?<text>[^<]+)',
    `<(?<start>${NAME})(?:${SPACE}+${NAME}${SPACE}*=${SPACE}*(?:"[^<"]*"|'[^<']*'))*${SPACE}*(?<empty>/?)>`,
    `</(?<end>${NAME})${SPACE}*>`,
    '<!--(?:(?!--)[^])*-->',
    '(?<cdata><!\\[CDATA\\[[^]*?\\]\\]>)',
    `<\\?(?<target>${NAME})(?:${SPACE}[^]*?)?\\?>`,
  ].join('|'),
  'uy',
);
/** What no XML 1.0 document may hold, not even as a reference. */
const NO_CHARACTER = /[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/u;
const REFERENCE = /&(?:(?:lt|gt|amp|apos|quot|#(\d{1,7})|#x([0-9A-Fa-f]{1,6}));)?/g;

/**
 * Looks at a text's form before a parser does, which lets much pass that is none of XML: control characters, bare
 * ampersands, slashes within tags. Written anew, such a text would be another one. It takes no recursion, so that depth
 * cannot exhaust anything.
 * @returns why the text is no well-formed XML 1.0 document of bounded depth, as a clause; undefined when it is.
 */
export function formProblem(text: string): string | undefined {
  const character = NO_CHARACTER.exec(text)?.[0];
  if (character !== undefined) return `holds the character ${JSON.stringify(character)}, which XML does not have`;
  const nesting: Nesting = { open: [], roots: 0 };
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < text.length) {
    const at = TOKEN.lastIndex;
    const token = TOKEN.exec(text);
    if (token === null) return `is no XML at character ${at + 1}`;
    const problem = textProblem(token, at, nesting) ?? nestingProblem(token, nesting);
    if (problem !== undefined) return problem;
  }
  if (nesting.open.length > 0) return `does not end its element ${nesting.open.at(-1)}`;
  return nesting.roots === 1 ? undefined : `has ${nesting.roots} outermost elements`;
}

interface Nesting {
  /** Names of the elements that are open, the outermost first. */
  readonly open: string[];
  /** Outermost elements so far. */
  roots: number;
}

/** What is wrong with a token by itself, or at its place. */
function textProblem({ 0: whole, groups }: RegExpExecArray, at: number, { open }: Nesting): string | undefined {
  const { text, start, cdata, target } = groups ?? {};
  const isOutside = open.length === 0;
  if (isOutside && (cdata !== undefined || /[^ \t\r\n]/.test(text ?? ''))) return 'has text outside of its elements';
  if (text?.includes(']]>') === true) return 'has the end of a CDATA section without its beginning';
  if (at > 0 && target?.toLowerCase() === 'xml') return 'has its XML declaration in the middle';
  const hasReferences = (text ?? start) !== undefined;
  return hasReferences && !hasOnlyKnownReferences(whole) ? 'has a reference to something that is not there' : undefined;
}

/** Opens and closes elements. */
function nestingProblem({ groups }: RegExpExecArray, nesting: Nesting): string | undefined {
  const { start, empty, end } = groups ?? {};
  const { open } = nesting;
  if (start !== undefined && open.length === 0) nesting.roots += 1;
  if (start !== undefined && empty === '') open.push(start);
  if (open.length > DEPTH_MAX) return `has more than ${DEPTH_MAX} elements in one another`;
  return end !== undefined && open.pop() !== end ? `ends an element ${end} that is not open` : undefined;
}

function hasOnlyKnownReferences(text: string): boolean {
  if (!text.includes('&')) return true;
  for (const [whole, decimal, hex] of text.matchAll(REFERENCE)) {
    if (whole === '&') return false;
    const code = decimal === undefined ? Number.parseInt(hex ?? '20', 16) : Number(decimal);
    if (code > 0x10ffff || NO_CHARACTER.test(String.fromCodePoint(code))) return false;
  }
  return true;
}
