import { Trouble } from '../base/errors.js';
import { dtbFormat } from './dtb/format.js';
import type { Format } from './importer.js';
import { ndjsonFormat } from './ndjson/format.js';
import { qemuLogFormat } from './qemu-log/format.js';
import { xenTapFormat } from './xen-tap/format.js';
import { xenstoredFormat } from './xenstored/format.js';
import { xentraceFormat } from './xentrace/format.js';

/** Every format there is, in the order in which they look at a file: those with marks of their own first. */
export const formats: readonly Format[] = [
  dtbFormat,
  ndjsonFormat,
  xentraceFormat,
  qemuLogFormat,
  xenTapFormat,
  xenstoredFormat,
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
    hint: 'name it with --format',
  });
}
