import type { Event } from '../events/event.ts';
import { decodeEvent } from '../events/event-line.ts';

/** More than any event of ours has, in characters: what goes on for longer without an end is no event. */
const PENDING_MAX = 1024 * 1024;

/** Reads the events of a stream, as `streamEvents` sends them, out of text that comes in any pieces. */
export class EventFrames {
  #pending = '';

  /**
   * @returns the events that are whole with this piece; lines that tell of none, such as those of `retry`, are left out.
   * @throws {Error} for what is no such stream.
   */
  add(text: string): Event[] {
    this.#pending += text;
    const frames = this.#pending.split('\n\n');
    this.#pending = frames.pop() ?? '';
    if (this.#pending.length > PENDING_MAX) throw new Error('the events of the controller do not come to an end');
    return frames.flatMap(frame => {
      const line = frame.split('\n').find(each => each.startsWith('data: '));
      if (line === undefined) return [];
      const event = decodeEvent(line.slice('data: '.length));
      if (event === undefined) throw new Error('the controller tells of what is no event');
      return [event];
    });
  }
}
