/** A piece of HTML that is safe to show: made by `html` alone. */
export class Html {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  toString(): string {
    return this.text;
  }
}

/** What may stand in a template: text is escaped, HTML is not, nothing for what is absent. */
export type Part = string | number | Html | undefined | readonly Part[];

/** Builds HTML from a template; every text that is put into it is escaped, inside of attributes too. */
export function html(strings: TemplateStringsArray, ...parts: readonly Part[]): Html {
  const text = strings.map((piece, index) => (index === 0 ? piece : partText(parts[index - 1]) + piece)).join('');
  return new Html(text);
}

function partText(part: Part): string {
  if (part === undefined) return '';
  if (part instanceof Html) return part.text;
  if (Array.isArray(part)) return part.map(partText).join('');
  return escapeHtml(String(part));
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/**
 * Text as HTML shows it. Control characters, which XML and terminals would trip over, and the marks that turn the
 * direction of what follows are shown as a replacement character: names come from guests and from cards.
 */
function escapeHtml(text: string): string {
  return text
    .replaceAll(/[^\P{C}\n\t]|[\p{Zl}\p{Zp}]/gu, '\ufffd')
    .replaceAll(/[&<>"']/g, character => ENTITIES[character] ?? character);
}
