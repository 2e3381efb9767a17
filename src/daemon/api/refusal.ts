/** What the API says where it refuses. */
export interface Refusal {
  readonly reason?: unknown;
  readonly message?: unknown;
}

/** The words of an answer that refuses; ours are for people. Empty where it has none. */
export function refusalIn(text: string): Refusal {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    // Of an answer that is no JSON its code says all there is to say.
    return {};
  }
}
