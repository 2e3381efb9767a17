/** JSON escapes C0 itself. A terminal that shows it obeys C1 as well, and follows marks that turn the direction of writing. */
const OBEYED = /[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/** JSON that a terminal cannot take for orders; it means the same. */
export function printableJson(text: string): string {
  return text.replace(OBEYED, character => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** Whether `printableJson` leaves a text as it is. */
export function isPrintable(text: string): boolean {
  return text.search(OBEYED) === -1;
}
