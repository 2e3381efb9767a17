/** A name as one word of a shell, for a command that people paste: it comes from people and guests. */
export function shellQuoted(text: string): string {
  return /^[\w.@%+:/-][\w.@%+:/=-]*$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
