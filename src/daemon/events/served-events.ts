import { type IncomingMessage, request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import type { Dom0Layout } from '../../api/layout.ts';
import { answered } from '../api/answered.ts';
import { socketPath } from '../api/socket-file.ts';
import { messageOf } from '../message-of.ts';
import type { KeptEvents } from './event-file.ts';
import { decodeEvent } from './event-line.ts';

/** The journal's files have no more. */
const BYTES_MAX = 16 * 1024 * 1024;
/** One event has a bound, too: what goes on without an end is no event. */
const FRAME_CHARS_MAX = 1024 * 1024;
const ANSWER_MS = 5_000;
/** ms until a controller that has ended is asked again: it may be starting anew. */
const RETRY_MS = 2_000;

/**
 * The events that the running controller serves at its socket: for those who may ask it and may not read its files.
 * @throws Error when no controller answers, or nothing of use.
 */
export async function readServedEvents(layout: Dom0Layout): Promise<KeptEvents> {
  const deadline = AbortSignal.timeout(ANSWER_MS);
  const { code, text } = await answered(socketPath(layout), '/v1/events', deadline, BYTES_MAX);
  if (code !== 200) throw new Error(`the controller answers with code ${code}`);
  const { items } = JSON.parse(text) as { readonly items?: unknown };
  if (!Array.isArray(items)) throw new Error('the controller answers with no list of events');
  const events = items.flatMap(item => decodeEvent(JSON.stringify(item)) ?? []);
  const lost = items.length - events.length;
  const damage = lost === 0 ? [] : [`${lost} of ${items.length} events of the controller cannot be read; is it older?`];
  return { events, damage };
}

/**
 * As `followEvents`, from the controller's socket. When the controller ends it waits for the next one, and goes on
 * after the last event it was given.
 * @throws Error when no controller answers at the beginning.
 */
export async function followServedEvents(
  layout: Dom0Layout,
  signal: AbortSignal,
  hear: (fresh: KeptEvents) => void,
): Promise<void> {
  const known = await readServedEvents(layout);
  hear(known);
  let last = known.events.at(-1)?.id ?? 0;
  while (!signal.aborted) {
    try {
      for await (const data of stream(socketPath(layout), last, signal)) {
        const event = decodeEvent(data);
        if (event === undefined) {
          hear({ events: [], damage: ['an event of the controller cannot be read'] });
          continue;
        }
        last = event.id;
        hear({ events: [event], damage: [] });
      }
    } catch (cause) {
      if (signal.aborted) return;
      if (!isGone(cause)) throw new Error(`the controller cannot be asked: ${messageOf(cause)}`, { cause });
    }
    await delay(RETRY_MS, undefined, { signal }).catch(() => undefined);
  }
}

/** The data of each server-sent event (https://html.spec.whatwg.org/multipage/server-sent-events.html), until the end. */
async function* stream(path: string, after: number, signal: AbortSignal): AsyncGenerator<string> {
  let text = '';
  for await (const part of (await connect(path, after, signal)).setEncoding('utf8') as AsyncIterable<string>) {
    text += part;
    const frames = text.split('\n\n');
    text = frames.pop() ?? '';
    if (text.length > FRAME_CHARS_MAX) throw new Error(`an event has more than ${FRAME_CHARS_MAX} characters`);
    for (const frame of frames) {
      const data = frame.split('\n').find(line => line.startsWith('data: '));
      if (data !== undefined) yield data.slice('data: '.length);
    }
  }
}

function connect(socket: string, after: number, signal: AbortSignal): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const headers = { accept: 'text/event-stream', 'last-event-id': String(after) };
    const asked = request({ socketPath: socket, path: '/v1/events', host: 'xenpci', agent: false, headers, signal });
    asked.once('response', answer => {
      if (answer.statusCode === 200) return resolve(answer);
      answer.destroy();
      reject(new Error(`it answers with code ${answer.statusCode}`));
    });
    asked.on('error', reject);
    asked.end();
  });
}

/** Whether a controller has ended, or has not come back yet. */
function isGone(cause: unknown): boolean {
  return ['ECONNRESET', 'ECONNREFUSED', 'ENOENT', 'EPIPE'].includes((cause as NodeJS.ErrnoException).code ?? '');
}
