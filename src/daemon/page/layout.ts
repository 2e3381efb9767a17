import type { PageDevice, PageDomain, PageState, Tone } from './state.ts';
import { type TreeRow, treeRows } from './tree.ts';

/** Heights in CSS pixels; `style.ts` draws rows as high. */
export const ROW = 28;
export const BOX = 56;
/** Width of the column that the lines are in, and the gap between two boxes, in CSS pixels. */
export const LINES = 140;
const GAP = 12;

/** A line from a device to a domain: it has it, is to have it, is kept from having it, or is to lose it. */
export interface Line {
  readonly kind: 'attached' | 'wanted' | 'held' | 'leaving';
  readonly tone: Tone;
  /** Where it begins and ends, in CSS pixels from the top. */
  readonly from: number;
  readonly to: number;
}

/** A domain's box, at its distance from the top in CSS pixels. */
export interface DomainBox {
  readonly domain: PageDomain;
  readonly top: number;
}

/** Where everything stands. */
export interface Layout {
  readonly rows: readonly TreeRow[];
  readonly boxes: readonly DomainBox[];
  readonly lines: readonly Line[];
  /** Of all of it, in CSS pixels. */
  readonly height: number;
}

/** Lays the page out: a row for each device, and each domain as near to its devices as the others let it. */
export function layOut({ devices, domains }: Pick<PageState, 'devices' | 'domains'>): Layout {
  const rows = treeRows(devices);
  const boxes = boxesFor(rows, domains);
  const lines = rows.flatMap((row, index) => linesOf(row, index, boxes));
  const last = boxes.at(-1);
  return { rows, boxes, lines, height: Math.max(rows.length * ROW, last === undefined ? 0 : last.top + BOX) };
}

function boxesFor(rows: readonly TreeRow[], domains: readonly PageDomain[]): DomainBox[] {
  const wishes = domains.map(domain => ({ domain, wish: wishOf(domain, rows) }));
  // Those without devices come last, in their own order.
  wishes.sort((a, b) => (a.wish ?? Number.POSITIVE_INFINITY) - (b.wish ?? Number.POSITIVE_INFINITY) || 0);
  const boxes: DomainBox[] = [];
  for (const { domain, wish = 0 } of wishes) {
    const before = boxes.at(-1);
    const free = before === undefined ? 0 : before.top + BOX + GAP;
    boxes.push({ domain, top: Math.max(free, wish - BOX / 2) });
  }
  return boxes;
}

/** The middle of the domain's devices; undefined without any. */
function wishOf({ uuid }: PageDomain, rows: readonly TreeRow[]): number | undefined {
  const middles = rows.flatMap(({ device }, index) =>
    device.holder === uuid || device.claimants.includes(uuid) ? [middleOf(index)] : [],
  );
  if (middles.length === 0) return undefined;
  return middles.reduce((sum, middle) => sum + middle, 0) / middles.length;
}

function middleOf(row: number): number {
  return row * ROW + ROW / 2;
}

function linesOf({ device }: TreeRow, index: number, boxes: readonly DomainBox[]): Line[] {
  const { holder, claimants, tone } = device;
  const ends = holder === undefined || claimants.includes(holder) ? claimants : [holder, ...claimants];
  return ends.flatMap(uuid => {
    const box = boxes.find(({ domain }) => domain.uuid === uuid);
    if (box === undefined) return [];
    return [{ kind: kindOf(device, uuid), tone, from: middleOf(index), to: box.top + BOX / 2 }];
  });
}

function kindOf({ holder, claimants, tone }: PageDevice, uuid: string): Line['kind'] {
  // What nobody else is to have stays where it is.
  if (uuid === holder) return claimants.length === 0 || claimants.includes(uuid) ? 'attached' : 'leaving';
  return tone === 'refused' ? 'held' : 'wanted';
}
