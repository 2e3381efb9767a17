/** What a command template may speak of, and what each word stands for. */
export const PLACEHOLDERS = {
  domain: 'name of the guest',
  uuid: 'UUID of the guest',
  domid: 'number of the running guest',
  device: 'address of the device on the host, such as 0000:03:00.0',
  guestDevice: 'address of the device in the guest, such as 0000:00:01.0',
  guestSlot: 'the same without the segment, such as 00:01.0',
} as const;

/** A word that a template may have in braces. */
export type Placeholder = keyof typeof PLACEHOLDERS;

/** `{word}`, and `{{` and `}}`, which stand for a single brace. */
const MARK = /\{\{|\}\}|\{([^{}]*)\}/g;

/** The words in braces that stand for nothing. */
export function unknownPlaceholders(template: string): string[] {
  return words(template).filter(word => !isPlaceholder(word));
}

/** The placeholders that a template has. */
export function placeholdersOf(template: string): Placeholder[] {
  return words(template).filter(isPlaceholder);
}

/** A template with its placeholders filled in; nothing of a value is read as a template again. */
export function filled(template: string, values: Readonly<Record<Placeholder, string>>): string {
  return template.replaceAll(MARK, (mark, word: string | undefined) => {
    if (mark === '{{') return '{';
    if (mark === '}}') return '}';
    return word !== undefined && isPlaceholder(word) ? values[word] : mark;
  });
}

function words(template: string): string[] {
  return [...template.matchAll(MARK)].flatMap(([, word]) => word ?? []);
}

function isPlaceholder(word: string): word is Placeholder {
  return Object.hasOwn(PLACEHOLDERS, word);
}
