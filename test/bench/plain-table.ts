/** A table of Markdown for a terminal: columns that line up, without the rule below the heads. */
export function plainTable(markdown: string): string {
  const rows = markdown
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

/** A number to three digits. */
export function threeDigits(value: number): string {
  return Math.abs(value) >= 100 ? value.toFixed(0) : Number(value.toPrecision(3)).toString();
}
