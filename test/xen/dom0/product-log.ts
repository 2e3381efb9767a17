/** What the running controllers have logged, line by line (their standard output is no terminal, so it is JSON). */
import { until } from './deadline.ts';
import { productLog } from './product.ts';

/** One line of a controller's log. */
export interface LogLine {
  /** Which start of the controller in this test wrote it, from 1. */
  readonly life: number;
  /** ms since the epoch. */
  readonly time: number;
  /** Such as `StepStarted`. */
  readonly event: string;
  readonly message: string;
  /** The step that it is about, such as `attach 0000:01:00.0` or `configure red`. */
  readonly step: string | undefined;
  /** The device that it is about. */
  readonly device: string | undefined;
}

interface JsonLine {
  readonly time?: string;
  readonly event?: string;
  readonly message?: string;
  readonly device?: string;
  readonly step?: { readonly verb: string; readonly device?: string; readonly domain?: { readonly name: string } };
}

/** All lines of all controllers of this test, in the order of time. @throws Error if one is no JSON object. */
export async function logLines(): Promise<readonly LogLine[]> {
  const text = await productLog();
  let life = 0;
  // What follows the last line end is being written.
  return text
    .split('\n')
    .slice(0, -1)
    .flatMap(line => {
      if (line.startsWith('--- ')) life += 1;
      return line.startsWith('{') ? [logLine(life, line)] : [];
    });
}

function logLine(life: number, text: string): LogLine {
  const { time = '', event = '', message = '', step, device } = JSON.parse(text) as JsonLine;
  const about = step?.device ?? device;
  return {
    life,
    time: Date.parse(time),
    event,
    message,
    step: step && `${step.verb} ${about ?? step.domain?.name}`,
    device: about,
  };
}

/** The steps that were begun, by all controllers of this test, in the order of time. */
export async function stepsBegun(): Promise<readonly string[]> {
  return (await logLines()).flatMap(({ event, step }) => (event === 'StepStarted' && step !== undefined ? [step] : []));
}

/** Waits for a line after the first `from` ones; returns it. @throws Error after `ms`. */
export function loggedLine(
  what: string,
  matches: (line: LogLine) => boolean,
  { from = 0, ms = 120_000 }: { readonly from?: number; readonly ms?: number } = {},
): Promise<LogLine> {
  return until(`xenpci logs ${what}`, async () => (await logLines()).slice(from).find(matches), ms);
}
