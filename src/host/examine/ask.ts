import { messageOf } from '../../controller/message-of.ts';

/** What was found out, or a clause that says why it could not be. */
export type Answer<T> = { readonly found: T } | { readonly unknown: string };

/**
 * Asks one question for a bounded time. It never throws: what goes wrong is the answer.
 * @param deadlineMs ms until it is given up, also when the question does not obey its signal.
 */
export async function ask<T>(deadlineMs: number, question: (signal: AbortSignal) => Promise<T>): Promise<Answer<T>> {
  const late = new Error(`no answer within ${deadlineMs / 1000} s`);
  const giveUp = new AbortController();
  const timer = setTimeout(() => giveUp.abort(late), deadlineMs);
  const tooLate = new Promise<never>((_, reject) => {
    giveUp.signal.addEventListener('abort', () => reject(late), { once: true });
  });
  try {
    return { found: await Promise.race([question(giveUp.signal), tooLate]) };
  } catch (error) {
    return { unknown: messageOf(error) };
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Names a question among those that are open until it has its answer.
 * @param open is kept up to what has no answer yet, in words.
 */
export async function marked<T>(open: Set<string>, what: string, answer: Promise<Answer<T>>): Promise<Answer<T>> {
  open.add(what);
  const found = await answer;
  open.delete(what);
  return found;
}
