import { createHash } from 'node:crypto';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Trouble } from '../base/errors.js';
import { limits } from '../base/limits.js';
import type { ReportFile } from '../diagnose/read.js';
import type { Source } from '../importers/feed.js';
import { nodeSource } from '../importers/node-source.js';
import { formatOf, formats, headBytes } from '../importers/registry.js';
import { isText } from '../importers/text/is-text.js';
import { pipedPieces } from './input.js';

/** The files of a report, and those in it that are no text. */
export interface Report {
  readonly files: readonly ReportFile[];
  readonly binaries: readonly { readonly name: string; readonly content: Uint8Array }[];
}

/**
 * Reads what the user named: files, folders with all below them in the order of their names, `-`. Packed files are
 * unpacked.
 * @throws {Trouble} DIAG-001 a report is larger than any that people write
 */
export async function readReportFiles(names: readonly string[]): Promise<Report> {
  const files: ReportFile[] = [];
  const binaries: { name: string; content: Uint8Array }[] = [];
  let bytes = 0;
  for (const name of names.flatMap((given) => filesOf(given))) {
    const source = await nodeSource(name, pipedPieces(name), 0);
    const pieces: Uint8Array[] = [];
    for await (const piece of source.chunks()) {
      bytes += piece.length;
      if (bytes > limits.reportBytes) {
        throw new Trouble('DIAG-001', 'the report is too long to be read as one', {
          file: name,
          expected: `at most ${limits.reportBytes} bytes`,
          hint: 'give the logs of the time around the fault',
        });
      }
      pieces.push(piece);
    }
    const content = Buffer.concat(pieces);
    if (isText(content)) files.push({ name, text: new TextDecoder().decode(content) });
    else binaries.push({ name, content });
  }
  return { files, binaries };
}

/** A folder's files, those of its folders too, in the order of their names; a file is itself. */
export function filesOf(name: string): string[] {
  if (name === '-' || !statSync(name).isDirectory()) return [name];
  return readdirSync(name, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort((a, b) => (a < b ? -1 : 1));
}

/** The same files as an import reads them. */
export interface ReportSources {
  readonly sources: readonly Source[];
  /** Sums of the files as they were read, unpacked. */
  readonly sha256: readonly string[];
  /** Files that no importer reads. */
  readonly unknown: readonly string[];
}

/** What a report holds, for `merge`: each file by its own format, any other text as a report. */
export function reportSources({ files, binaries }: Report): ReportSources {
  const sources: Source[] = [];
  const sha256: string[] = [];
  const unknown: string[] = [];
  const texts = files.map(({ name, text }) => ({
    name,
    content: new TextEncoder().encode(text),
    isText: true,
  }));
  for (const { name, content, isText: text } of [
    ...texts,
    ...binaries.map((file) => ({ ...file, isText: false })),
  ]) {
    const head = content.subarray(0, headBytes);
    const format = formats.find((one) => one.detect(head)) ?? (text ? formatOf(head, 'report') : null);
    if (format === null) {
      unknown.push(name);
      continue;
    }
    sha256.push(createHash('sha256').update(content).digest('hex'));
    sources.push({
      file: name,
      format,
      async *chunks() {
        yield content;
      },
    });
  }
  return { sources, sha256, unknown };
}
