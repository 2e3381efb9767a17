import type { Against, Goal, Line, Unit } from './measure.ts';
import { threeDigits } from './plain-table.ts';
import { isWide, type Ratio } from './samples.ts';

/** The lines as a table of Markdown. */
export function markdownTable(lines: readonly Line[]): string {
  const rows = lines.map(line => [
    line.what,
    valueText(line.own.median, line.unit),
    line.unit === 'ms' ? valueText(line.own.p99, line.unit) : '',
    againstText(line.peer),
    againstText(line.floor),
    goalText(line),
    line.reached ? 'yes' : 'no',
  ]);
  const headers = ['what', 'median', 'p99', 'beside the peer', 'beside the floor', 'goal', 'reached'];
  return [headers, headers.map(() => '---'), ...rows].map(cells => `| ${cells.join(' | ')} |`).join('\n');
}

/** A value with its unit, to three digits. */
export function valueText(value: number, unit: Unit): string {
  const digits = threeDigits(value);
  return unit === 'exponent' ? digits : `${digits} ${unit}`;
}

/** A ratio; one that says little is marked. */
export function ratioText(ratio: Ratio): string {
  const text = `${digits(ratio.median)} ×`;
  return isWide(ratio) ? `${text} (wide: ${digits(ratio.from)} to ${digits(ratio.to)})` : text;
}

function digits(ratio: number): string {
  return ratio < 0.1 ? Number(ratio.toPrecision(2)).toString() : ratio.toFixed(2);
}

function againstText(against: Against | undefined): string {
  return against === undefined ? '' : `${ratioText(against.ratio)} ${against.name}`;
}

function goalText({ goal, unit, peer, floor }: Line): string {
  const parts: (readonly [keyof Goal, string])[] = [
    ['value', goal.value === undefined ? '' : `≤ ${valueText(goal.value, unit)}`],
    ['p99', goal.p99 === undefined ? '' : `p99 ≤ ${valueText(goal.p99, unit)}`],
    ['peer', `≤ ${goal.peer} × ${peer?.name}`],
    ['floor', `≤ ${goal.floor} × ${floor?.name}`],
  ];
  return parts
    .filter(([key]) => goal[key] !== undefined)
    .map(([, text]) => text)
    .join(', ');
}
