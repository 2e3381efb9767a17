import type { Against, Goal, Line, Unit } from './measure.ts';
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

/** The lines as a table for a terminal: columns that line up, notes below. */
export function plainTable(lines: readonly Line[]): string {
  const rows = markdownTable(lines)
    .split('\n')
    .filter(row => !row.startsWith('| ---'))
    .map(row => row.slice(2, -2).split(' | '));
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map(row => row[column]?.length ?? 0))) ?? [];
  return rows
    .map(row =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** A value with its unit, to three digits. */
export function valueText(value: number, unit: Unit): string {
  const digits = Math.abs(value) >= 100 ? value.toFixed(0) : Number(value.toPrecision(3)).toString();
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
