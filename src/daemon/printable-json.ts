/** JSON escapes C0 itself; a terminal that shows it obeys C1 as well, and these may stand in JSON as they are. */
export function printableJson(text: string): string {
  return text.replace(/[\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g, character => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}
