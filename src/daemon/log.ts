import { pino } from 'pino';
import { safeLine } from '../source/terminal.ts';
import { wrapped } from '../source/wrap.ts';
import { refText } from './events/event.ts';
import type { Line } from './line.ts';
import { printableJson } from './printable-json.ts';

/** Where lines go. */
export type Log = (line: Line) => void;

/** What takes text, such as standard output. */
export interface TextSink {
  write(text: string): unknown;
}

/** One JSON object for each line, for journald and the like. */
export function jsonLog(sink: TextSink): Log {
  const logger = pino(
    {
      base: { name: 'xenpci', pid: process.pid },
      messageKey: 'message',
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: label => ({ level: label }) },
    },
    { write: text => sink.write(printableJson(text)) },
  );
  return ({ level, event, message, fields, happening }) => {
    const { action, reason, regarding } = happening ?? {};
    const about = regarding === undefined ? {} : { action, reason, regarding: refText(regarding) };
    logger[level]({ event, ...about, ...fields }, message);
  };
}

const MARKS: Readonly<Record<string, string>> = {
  StepStarted: '→',
  StepPerformed: '✓',
  StepFailed: '✗',
  WaitBegan: '…',
  WaitEnded: '·',
  Ready: '✓',
};
const COLOURS: Readonly<Record<Line['level'], string>> = { info: '', warn: '\u001b[33m', error: '\u001b[31m' };
const PLAIN = '\u001b[0m';

/** Columns before a sentence: the time and the mark. */
const HEAD = 11;
const BELOW = '    ';

export interface TextLogOptions {
  readonly colour: boolean;
  /** Columns of the terminal; undefined where there is none, and a line stays one line. */
  readonly columns: () => number | undefined;
  /** ms since the epoch. */
  readonly now: () => number;
}

/** Lines for people: the time of day, a mark, a sentence. */
export function textLog(sink: TextSink, { colour, columns, now }: TextLogOptions): Log {
  return ({ level, event, message }) => {
    const time = new Date(now()).toTimeString().slice(0, 8);
    const mark = MARKS[event] ?? (level === 'info' ? '·' : '!');
    const [first = '', ...rest] = message.split('\n').map(safeLine);
    const width = columns() ?? Number.POSITIVE_INFINITY;
    // Set in, so that nothing that others write looks like a line of its own. An excerpt of a manifest is so already.
    const below = rest.map(more => (more.startsWith(BELOW) ? more : `${BELOW}${more}`));
    const text = [
      ...wrapped(`${time} ${mark} ${first}`, width, ' '.repeat(HEAD)),
      ...below.flatMap(more => wrapped(more, width, BELOW)),
    ].join('\n');
    const paint = colour ? COLOURS[level] : '';
    sink.write(paint === '' ? `${text}\n` : `${paint}${text}${PLAIN}\n`);
  };
}
