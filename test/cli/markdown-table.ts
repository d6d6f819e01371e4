/** A table in Markdown whose columns are as wide as their widest cell, as the formatter wants it. The first row is the heading. */
export function markdownTable(rows: readonly (readonly string[])[]): string[] {
  const cells = rows.map((row) => row.map((cell) => cell.replaceAll('|', '\\|')));
  const widths = cells[0]!.map((_, column) => Math.max(3, ...cells.map((row) => row[column]!.length)));
  const line = (row: readonly string[]): string =>
    `| ${row.map((cell, i) => cell.padEnd(widths[i]!)).join(' | ')} |`;
  const [heading, ...rest] = cells;
  return [line(heading!), line(widths.map((width) => '-'.repeat(width))), ...rest.map(line)];
}
