import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Trouble } from '../base/errors.js';
import { limits } from '../base/limits.js';
import type { ReportFile } from '../diagnose/read.js';
import { nodeSource } from '../importers/node-source.js';
import { pipedPieces } from './input.js';

/** The files of a report, and those in it that are no text. */
export interface Report {
  readonly files: readonly ReportFile[];
  readonly binaries: readonly string[];
}

/**
 * Reads what the user named: files, folders with all below them in the order of their names, `-`. Packed files are
 * unpacked.
 * @throws {Trouble} DIAG-001 a report is larger than any that people write
 */
export async function readReportFiles(names: readonly string[]): Promise<Report> {
  const files: ReportFile[] = [];
  const binaries: string[] = [];
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
    else binaries.push(name);
  }
  return { files, binaries };
}

function filesOf(name: string): string[] {
  if (name === '-' || !statSync(name).isDirectory()) return [name];
  return readdirSync(name, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort((a, b) => (a < b ? -1 : 1));
}

/** Logs have runs of zeros where a machine died; a file that is mostly no text is something else. */
function isText(content: Uint8Array): boolean {
  const head = content.subarray(0, 4096);
  const strange = head.filter((byte) => byte !== 0 && byte < 32 && ![9, 10, 13, 27].includes(byte)).length;
  const zeros = head.filter((byte) => byte === 0).length;
  return strange * 20 < head.length && zeros * 2 < Math.max(1, head.length);
}
