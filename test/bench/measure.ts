import { type Ratio, ratioOf, type Summary, summaryOf } from './samples.ts';

/** Does once what is measured. @returns what it took where that is not the time of the call. */
export type Subject = () => Promise<number | undefined> | number | undefined | Promise<void>;

/** What something is measured against. */
export interface Other {
  readonly name: string;
  readonly run: Subject;
}

/** What is to be measured for one line of the table. */
export interface Question {
  readonly what: string;
  readonly run: Subject;
  /** What people use today. */
  readonly peer?: Other;
  /** What nobody can beat. */
  readonly floor?: Other;
  readonly unit: Unit;
  readonly goal: Goal;
  readonly rounds: number;
  /** Rounds before that, which do not count; 2 when absent. */
  readonly warmUp?: number;
  /** What has to be known to read the numbers. */
  readonly note?: string;
}

export type Unit = 'ms' | 'MiB' | 'requests' | '%' | 'exponent';

/** The most that the value itself, and its ratios, may be. */
export interface Goal {
  readonly value?: number;
  readonly p99?: number;
  readonly peer?: number;
  readonly floor?: number;
}

/** One line of the table. */
export interface Line {
  readonly what: string;
  readonly unit: Unit;
  readonly own: Summary;
  readonly peer?: Against;
  readonly floor?: Against;
  readonly goal: Goal;
  readonly reached: boolean;
  readonly note?: string;
}

export interface Against {
  readonly name: string;
  readonly summary: Summary;
  readonly ratio: Ratio;
}

const WARM_UP_ROUNDS = 2;

/**
 * Measures one line: in each round everything is done once, one after the other, so that what else the machine does
 * meets all of them. The first rounds do not count.
 */
export async function measure({
  run,
  peer,
  floor,
  rounds,
  warmUp = WARM_UP_ROUNDS,
  ...question
}: Question): Promise<Line> {
  const own: number[] = [];
  const others = { peer: [] as number[], floor: [] as number[] };
  for (let round = -warmUp; round < rounds; round++) {
    const took = await costOf(run);
    const tookPeer = peer === undefined ? Number.NaN : await costOf(peer.run);
    const tookFloor = floor === undefined ? Number.NaN : await costOf(floor.run);
    if (round < 0) continue;
    own.push(took);
    others.peer.push(tookPeer);
    others.floor.push(tookFloor);
  }
  return lineOf(question, own, {
    ...(peer === undefined ? {} : { peer: { name: peer.name, samples: others.peer } }),
    ...(floor === undefined ? {} : { floor: { name: floor.name, samples: others.floor } }),
  });
}

interface Samples {
  readonly name: string;
  readonly samples: readonly number[];
}

/** A line from what was measured; sample by sample the others belong to the same round. */
export function lineOf(
  question: Omit<Question, 'run' | 'peer' | 'floor' | 'rounds' | 'warmUp'>,
  samples: readonly number[],
  others: { readonly peer?: Samples; readonly floor?: Samples } = {},
): Line {
  const own = summaryOf(samples);
  const against = ({ name, samples: theirs }: Samples): Against => ({
    name,
    summary: summaryOf(theirs),
    ratio: ratioOf(samples, theirs),
  });
  const peer = others.peer === undefined ? undefined : against(others.peer);
  const floor = others.floor === undefined ? undefined : against(others.floor);
  const { goal } = question;
  const reached =
    isWithin(own.median, goal.value) &&
    isWithin(own.p99, goal.p99) &&
    isWithin(peer?.ratio.median, goal.peer) &&
    isWithin(floor?.ratio.median, goal.floor);
  return {
    ...question,
    own,
    ...(peer === undefined ? {} : { peer }),
    ...(floor === undefined ? {} : { floor }),
    reached,
  };
}

function isWithin(value: number | undefined, most: number | undefined): boolean {
  return value === undefined || most === undefined || value <= most;
}

async function costOf(run: Subject): Promise<number> {
  const before = performance.now();
  const own = await run();
  return own ?? performance.now() - before;
}
