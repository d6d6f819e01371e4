import { Trouble } from '../base/errors.js';
import { fileStore } from '../log/stores/file-store.js';
import { type Imported, mergeParts, openPart, type Part, recordMerged } from '../machine/import-trace.js';
import { Trace } from './trace.js';

/** Opens a trace file; blocks are read when they are asked for. @throws {Trouble} LOG-012; as the constructor of `Trace` */
export const openFile = (file: string): Trace => new Trace(fileStore.open(file));

/** How files are imported. */
export interface ImportChoices {
  /** Format of all files, as `xpr import --format` names it; unless given it is seen from their first bytes. */
  readonly format?: string;
}

/**
 * Makes one trace of files of other formats, merged by time: `xpr import`. Packed files (gzip, xz, zstd) are unpacked.
 * @param output Written beside and put in place when it is whole; what stood there is replaced.
 * @throws {Trouble} IMP-001 to IMP-007 and codes of the formats, with the file named; LOG-012; errors of the system
 *   for files that are not there
 */
export async function importFiles(
  files: readonly string[],
  output: string,
  { format }: ImportChoices = {},
): Promise<Imported> {
  const parts: Part[] = [];
  for (const file of files) parts.push(await part(file, format ?? null));
  const merged = await mergeParts(parts);
  const target = fileStore.create(output);
  try {
    return await recordMerged(merged, () => parts.map(({ file }) => file.sha256()), target);
  } catch (error) {
    target.abandon();
    throw error;
  }
}

async function part(file: string, format: string | null): Promise<Part> {
  try {
    return await openPart(file, null, format);
  } catch (error) {
    throw error instanceof Trouble ? error.inFile(file) : error;
  }
}
