import { Trouble } from '../base/errors.js';
import { acpiFormats } from './acpi/format.js';
import { armTapFormat } from './arm-tap/format.js';
import { dtbFormat } from './dtb/format.js';
import type { Format } from './importer.js';
import { ndjsonFormat } from './ndjson/format.js';
import { qemuLogFormat } from './qemu-log/format.js';
import { textFormats } from './text/formats.js';
import { xenConsoleFormat } from './xen-console/format.js';
import { xenTapFormat } from './xen-tap/format.js';
import { xenstoredFormat } from './xenstored/format.js';
import { xentraceFormat } from './xentrace/format.js';

/** Every format there is, in the order in which they look at a file: those with marks of their own first. */
export const formats: readonly Format[] = [
  dtbFormat,
  ...acpiFormats,
  ndjsonFormat,
  xentraceFormat,
  qemuLogFormat,
  armTapFormat,
  xenTapFormat,
  xenstoredFormat,
  xenConsoleFormat,
  ...textFormats,
];

/** Bytes of a file that formats may look at. */
export const headBytes = 64 << 10;

/**
 * The format named, or the one whose marks the file bears.
 * @param head The first `headBytes` bytes of the file, unpacked, or all of it.
 * @throws {Trouble} IMP-001
 */
export function formatOf(head: Uint8Array, named: string | null): Format {
  const found =
    named === null
      ? formats.find((format) => format.detect(head))
      : formats.find((format) => format.name === named);
  if (found !== undefined) return found;
  throw new Trouble('IMP-001', named === null ? 'the format is not known' : `no import format ${named}`, {
    expected: formats.map(({ name }) => name).join(', '),
    hint: (named === null ? otherwise(head) : null) ?? 'name it with --format',
  });
}

/** Files that are no artefact but often given as one, by their first bytes, and what to do with them. */
const others: readonly (readonly [magic: readonly number[], hint: string])[] = [
  [[0x89, 0x78, 0x70, 0x72, 0x0d, 0x0a, 0x1a, 0x0a], 'it is a trace already: xpr info tells about it'],
  [[0x42, 0x5a, 0x68], 'unpack it first: bzip2 -dc FILE | xpr import - -o OUT.xpr'],
];

const otherwise = (head: Uint8Array): string | null =>
  others.find(([magic]) => magic.every((byte, i) => head[i] === byte))?.[1] ?? null;
