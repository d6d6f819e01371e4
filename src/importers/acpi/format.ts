import { Trouble } from '../../base/errors.js';
import { limits } from '../../base/limits.js';
import type { Format, Importer, Out } from '../importer.js';
import { Facts } from '../text/facts.js';
import { mmcfg } from '../text/xen-lines.js';
import { HEADER_BYTES, readTable } from './tables.js';

const known = [
  ['mcfg', 'MCFG', 'windows of configuration space'],
  ['dmar', 'DMAR', 'IOMMUs and reserved memory of a VT-d machine'],
  ['ivrs', 'IVRS', 'IOMMUs and reserved memory of an AMD-Vi machine'],
  ['iort', 'IORT', 'where requester ids of an ARM machine come out'],
] as const;

/** ACPI tables as /sys/firmware/acpi/tables has them, and the text of acpidump. */
export const acpiFormats: readonly Format[] = [
  ...known.map(
    ([name, signature, doc]): Format => ({
      name,
      doc: `the ACPI table ${signature}: ${doc}`,
      describesMachine: true,
      detect: (head) => ascii(head, 4) === signature && isTable(head),
      open: importTables,
    }),
  ),
  {
    name: 'acpi',
    doc: 'any other ACPI table, and the text of acpidump',
    describesMachine: true,
    detect: (head) => isTable(head) || DUMP.test(ascii(head, 4096)),
    open: importTables,
  },
];

const DUMP = /^[A-Z0-9]{4} @ 0x[0-9A-Fa-f]+\r?\n\s+0000: (?:[0-9A-Fa-f]{2} ){4}/m;
const ascii = (bytes: Uint8Array, size: number): string =>
  new TextDecoder('latin1').decode(bytes.subarray(0, size));

/** A signature, a length that the file has, and the maker's names in letters. */
function isTable(head: Uint8Array): boolean {
  if (head.length < HEADER_BYTES || !/^[A-Z][A-Z0-9]{3}$/.test(ascii(head, 4))) return false;
  const size = new DataView(head.buffer, head.byteOffset, head.byteLength).getUint32(4, true);
  return (
    size >= HEADER_BYTES &&
    size <= limits.acpiBytes &&
    /^[\x20-\x7e\0]{14}/.test(ascii(head.subarray(10), 14))
  );
}

function importTables(out: Out): Importer {
  const pieces: Uint8Array[] = [];
  let size = 0;
  return {
    push(bytes) {
      size += bytes.length;
      if (size > limits.acpiBytes) {
        throw new Trouble('ACPI-001', 'the table is larger than any', {
          expected: `at most ${limits.acpiBytes} bytes`,
          hint: 'the file is no ACPI table',
        });
      }
      pieces.push(bytes.slice());
    },
    end() {
      const whole = new Uint8Array(Buffer.concat(pieces));
      for (const table of isTable(whole) ? [whole] : dumped(ascii(whole, whole.length)))
        takeTable(out, table);
    },
  };
}

/** Tables of an acpidump: `MCFG @ 0x…`, then rows of sixteen bytes. */
function dumped(text: string): Uint8Array[] {
  const tables: number[][] = [];
  let open = false;
  for (const line of text.split('\n')) {
    if (/^[A-Z0-9]{4} @ 0x[0-9A-Fa-f]+/.test(line)) {
      tables.push([]);
      open = true;
      continue;
    }
    const row = /^\s+[0-9A-Fa-f]{4,8}: ((?:[0-9A-Fa-f]{2} ?){1,16})/.exec(line);
    if (row === null) open = false;
    else if (open)
      for (const byte of row[1]!.trim().split(/\s+/)) tables.at(-1)!.push(Number.parseInt(byte, 16));
  }
  return tables.map((bytes) => Uint8Array.from(bytes));
}

/** Says what one table holds. @throws {Trouble} ACPI-002, ACPI-003 */
function takeTable(out: Out, bytes: Uint8Array): void {
  out.counts.records += 1;
  const signature = ascii(bytes, 4);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const size = bytes.length < HEADER_BYTES ? 0 : view.getUint32(4, true);
  if (size < HEADER_BYTES || size > bytes.length) {
    throw new Trouble('ACPI-002', `the table ${signature} is cut short`, {
      expected: `${size} bytes`,
      actual: `${bytes.length}`,
      hint: 'save it again',
    });
  }
  const sum = bytes.subarray(0, size).reduce((all, byte) => (all + byte) & 0xff, 0);
  if (sum !== 0) {
    throw new Trouble('ACPI-003', `the checksum of ${signature} is wrong`, {
      expected: 'bytes that add up to 0',
      actual: `0x${sum.toString(16)}`,
      hint: 'the table is damaged',
    });
  }
  const { windows, units, regions, mappings, skipped } = readTable(
    signature,
    new DataView(bytes.buffer, bytes.byteOffset, size),
  );
  const facts = new Facts(out);
  for (const { base, segment, busStart, busEnd } of windows) mmcfg(facts, base, segment, busStart, busEnd);
  if (signature === 'DMAR' || signature === 'IVRS') {
    facts.fact({ is: 'arch', arch: 'x86_64' });
    facts.fact({ is: 'x86', facts: { iommuUnits: units, reservedRegions: regions } });
  }
  if (signature === 'IORT') facts.fact({ is: 'arch', arch: 'arm64' });
  for (const mapping of mappings)
    facts.told({
      what: 'tables',
      of: 'IORT',
      text: `root complex of segment ${mapping.segment}`,
      details: { ...mapping },
    });
  out.counts.skipped += skipped;
}
