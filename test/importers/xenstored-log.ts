import { XenstoredReader } from '../../src/importers/xenstored/read.js';
import type { XenstoreRecord } from '../../src/importers/xenstored/record.js';

/** A whole log of xenstored, and the lines of it that could not be read. */
export function readXenstoredLog(text: string): {
  readonly records: readonly XenstoreRecord[];
  readonly skipped: readonly { readonly line: number; readonly text: string }[];
} {
  const records: XenstoreRecord[] = [];
  const skipped: { line: number; text: string }[] = [];
  const reader = new XenstoredReader({
    record: (record) => records.push(record),
    skipped: (line, one) => skipped.push({ line, text: one }),
  });
  const lines = text.split('\n');
  const rest = lines.pop() ?? '';
  lines.forEach((line, i) => {
    reader.line(line, i + 1);
  });
  reader.end(rest, lines.length + 1);
  return { records, skipped };
}
