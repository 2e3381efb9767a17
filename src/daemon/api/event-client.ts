import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { connect } from 'node:net';
import type { Dom0Layout } from '../../api/layout.ts';
import type { Event } from '../events/event.ts';
import type { KeptEvents } from '../events/event-file.ts';
import { decodeEvent } from '../events/event-line.ts';
import { answered, bounded } from './answered.ts';
import { EventFrames } from './event-frames.ts';
import { refusalIn } from './refusal.ts';
import { socketPath } from './socket-file.ts';

/** The controller sends something at least every 10 s; one that does not for so long is gone or hangs, ms. */
const SILENCE_MS = 30_000;
/** A list of events that the controller keeps is far shorter. */
const BYTES_MAX = 16 * 1024 * 1024;
const ANSWER_MS = 5_000;
/** Bytes of an answer that refuses. */
const REFUSAL_MAX = 64 * 1024;

export interface ServedEventsOptions {
  /** The last event that is known; 0 for none; undefined: those from now on. */
  readonly after?: number;
  readonly signal: AbortSignal;
  /** Called when the controller has answered, before the first event. */
  readonly begun: () => void;
  /** Called with each event after that, in the order in which they happened. */
  readonly hear: (event: Event) => void;
}

/** The controller has answered, and with no events: a sentence for people says why. */
export class EventsRefusedError extends Error {
  override readonly name: string = 'EventsRefusedError';
}

/**
 * Follows the events of the running controller over its socket, until it ends, is silent for too long, or the signal says so.
 * @throws the error of connecting; {EventsRefusedError} for an answer that is no stream of events.
 */
export async function servedEvents(layout: Dom0Layout, options: ServedEventsOptions): Promise<void> {
  const { after, signal, begun, hear } = options;
  if (signal.aborted) return;
  const asked = request({
    socketPath: socketPath(layout),
    path: '/v1/events',
    host: 'xenpci',
    headers: { accept: 'text/event-stream', ...(after === undefined ? {} : { 'last-event-id': String(after) }) },
    agent: false,
    signal,
  });
  asked.setTimeout(SILENCE_MS, () => asked.destroy(new Error('the controller is silent')));
  asked.end();
  try {
    const [message] = (await once(asked, 'response')) as [IncomingMessage];
    // From here on the end of the message says all; it would otherwise be an error that nobody hears.
    asked.on('error', () => undefined);
    if (message.statusCode !== 200) throw await refused(message);
    begun();
    await heard(message, hear);
  } catch (cause) {
    if (!signal.aborted) throw cause;
  } finally {
    asked.destroy();
  }
}

async function refused(message: IncomingMessage): Promise<EventsRefusedError> {
  const code = `the controller answers with code ${message.statusCode}`;
  // Who is cut off in the middle of it knows the code all the same.
  const words = refusalIn(await bounded(message, REFUSAL_MAX).catch(() => '')).message;
  return new EventsRefusedError(typeof words === 'string' ? `${code}: ${words}` : code);
}

async function heard(message: IncomingMessage, hear: (event: Event) => void): Promise<void> {
  const frames = new EventFrames();
  message.setEncoding('utf8');
  try {
    for await (const text of message as AsyncIterable<string>) for (const event of frames.add(text)) hear(event);
  } catch (cause) {
    // A controller that ends hangs up in the middle.
    if ((cause as NodeJS.ErrnoException).code !== 'ECONNRESET') throw cause;
  }
}

/**
 * The last events that the running controller has, without repeats, and how many of them cannot be read.
 * @throws the error of connecting; {Error} when it answers something else, or not in time.
 */
export async function listedEvents(layout: Dom0Layout): Promise<KeptEvents> {
  const { code, text } = await answered(socketPath(layout), '/v1/events', AbortSignal.timeout(ANSWER_MS), BYTES_MAX);
  if (code !== 200) throw new EventsRefusedError(`the controller answers with code ${code}`);
  const { items } = JSON.parse(text) as { readonly items?: unknown };
  if (!Array.isArray(items)) throw new Error('the controller answers with what is no list');
  const events = items.flatMap(item => decodeEvent(JSON.stringify(item)) ?? []);
  const lost = items.length - events.length;
  const message = `${lost} of ${items.length} events of the controller cannot be read and are left out`;
  return { events, damage: lost === 0 ? [] : [message] };
}

/** Whether somebody listens at the host's socket. */
export function isServed(layout: Dom0Layout): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect(socketPath(layout));
    socket.once('connect', () => resolve(true));
    socket.once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}
