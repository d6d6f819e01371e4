import { Trouble } from '../../base/errors.js';
import type { Bdf } from '../../pci/sbdf.js';
import { bdf } from '../../pci/sbdf.js';
import type { IommuUnit, ReservedRegion } from '../../platform/platform.js';

/** An allocation of MCFG: `base` is the address bus 0 would have. */
export interface EcamWindow {
  readonly base: number;
  readonly segment: number;
  readonly busStart: number;
  readonly busEnd: number;
}

/** What a table says of the machine. */
export interface TableFacts {
  readonly windows: readonly EcamWindow[];
  readonly units: readonly IommuUnit[];
  readonly regions: readonly ReservedRegion[];
  /** Root complexes of IORT: where a range of requester ids comes out. */
  readonly mappings: readonly IdMapping[];
  /** Structures that name functions by a path through bridges, or are of a type nobody knows. */
  readonly skipped: number;
}

export interface IdMapping {
  readonly segment: number;
  readonly inputBase: number;
  readonly count: number;
  readonly outputBase: number;
  /** Offset of the node in the table that the ids go to, and what it is. */
  readonly target: number;
  readonly targetType: number;
}

/** Bytes of the header that every table has. @source ACPI 6.5, 5.2.6 */
export const HEADER_BYTES = 36;

/** Reads one table whose length and checksum are right. @throws {Trouble} ACPI-002 a structure leaves the table */
export function readTable(signature: string, table: DataView): TableFacts {
  const facts = { windows: [], units: [], regions: [], mappings: [], skipped: 0 } as Mutable;
  switch (signature) {
    case 'MCFG':
      readMcfg(table, facts);
      break;
    case 'DMAR':
      readDmar(table, facts);
      break;
    case 'IVRS':
      readIvrs(table, facts);
      break;
    case 'IORT':
      readIort(table, facts);
      break;
    default:
      facts.skipped += 1;
  }
  return facts;
}

interface Mutable extends TableFacts {
  windows: EcamWindow[];
  units: IommuUnit[];
  regions: ReservedRegion[];
  mappings: IdMapping[];
  skipped: number;
}

const wide = (table: DataView, at: number): number => Number(table.getBigUint64(at, true));

/** @source PCI Firmware Specification 3.3, 4.1.2 */
function readMcfg(table: DataView, facts: Mutable): void {
  for (let at = HEADER_BYTES + 8; at + 16 <= table.byteLength; at += 16) {
    facts.windows.push({
      base: wide(table, at),
      segment: table.getUint16(at + 8, true),
      busStart: table.getUint8(at + 10),
      busEnd: table.getUint8(at + 11),
    });
  }
}

/** @source Intel VT-d specification, 8.1 to 8.4 */
function readDmar(table: DataView, facts: Mutable): void {
  for (const { at, type, size } of structures(table, HEADER_BYTES + 12, 2)) {
    if (type === 0 && size >= 16) {
      facts.units.push({
        model: 'vt-d',
        segment: table.getUint16(at + 6, true),
        base: wide(table, at + 8),
        includesAll: (table.getUint8(at + 4) & 1) !== 0,
        devices: scopes(table, at + 16, at + size, facts),
      });
    } else if (type === 1 && size >= 24) {
      facts.regions.push({
        segment: table.getUint16(at + 6, true),
        base: wide(table, at + 8),
        end: wide(table, at + 16),
        devices: scopes(table, at + 24, at + size, facts),
      });
    } else facts.skipped += 1;
  }
}

/** Functions of a device scope: endpoints and bridges whose path has one step. @source Intel VT-d specification, 8.3.1 */
function scopes(table: DataView, from: number, end: number, facts: Mutable): Bdf[] {
  const devices: Bdf[] = [];
  for (let at = from; at + 6 <= end; ) {
    const [type, size] = [table.getUint8(at), table.getUint8(at + 1)];
    if (size < 6 || at + size > end) throw leaves(at);
    if ((type === 1 || type === 2) && size === 8)
      devices.push(bdf(table.getUint8(at + 5), table.getUint8(at + 6) & 31, table.getUint8(at + 7) & 7));
    else if (type === 1 || type === 2) facts.skipped += 1;
    at += size;
  }
  return devices;
}

/** @source AMD I/O Virtualization Technology specification, 5.2.2 */
function readIvrs(table: DataView, facts: Mutable): void {
  for (const { at, type, size } of structures(table, HEADER_BYTES + 12, 1)) {
    if ((type === 0x10 || type === 0x11 || type === 0x40) && size >= 24) {
      const base = wide(table, at + 8);
      // The same unit stands in blocks of several types, for older and newer software.
      if (facts.units.some((unit) => unit.base === base)) continue;
      const segment = table.getUint16(at + 16, true);
      facts.units.push({ model: 'amd-vi', segment, base, ...ivhdDevices(table, at, type, size) });
    } else if (type >= 0x20 && type <= 0x22 && size >= 32) {
      const base = wide(table, at + 16);
      const id = table.getUint16(at + 4, true);
      const devices = type === 0x21 ? [id as Bdf] : [];
      facts.regions.push({ segment: 0, base, end: base + wide(table, at + 24) - 1, devices });
    } else facts.skipped += 1;
  }
}

function ivhdDevices(
  table: DataView,
  block: number,
  type: number,
  size: number,
): Pick<IommuUnit, 'includesAll' | 'devices'> {
  const devices: Bdf[] = [];
  let includesAll = false;
  let first: number | null = null;
  for (let at = block + (type === 0x10 ? 24 : 40); at + 4 <= block + size; ) {
    const entry = table.getUint8(at);
    const id = table.getUint16(at + 1, true);
    if (entry === 1) includesAll = true;
    else if (entry === 2 || entry === 0x42 || entry === 0x46) devices.push(id as Bdf);
    else if (entry === 3 || entry === 0x43 || entry === 0x47) first = id;
    else if (entry === 4 && first !== null) {
      for (let one = first; one <= id && devices.length < 0x1_0000; one++) devices.push(one as Bdf);
      first = null;
    }
    at += entry < 0x40 ? 4 : entry < 0x80 ? 8 : 22 + (at + 22 <= block + size ? table.getUint8(at + 21) : 0);
  }
  return { includesAll, devices };
}

/** @source Arm IO Remapping Table, DEN0049: nodes and ID mappings */
function readIort(table: DataView, facts: Mutable): void {
  if (table.byteLength < HEADER_BYTES + 12) return;
  const count = table.getUint32(HEADER_BYTES, true);
  let at = table.getUint32(HEADER_BYTES + 4, true);
  for (let i = 0; i < count; i++) {
    if (at + 16 > table.byteLength) throw leaves(at);
    const [type, size] = [table.getUint8(at), table.getUint16(at + 1, true)];
    if (size < 16 || at + size > table.byteLength) throw leaves(at);
    const maps = table.getUint32(at + 8, true);
    const from = at + table.getUint32(at + 12, true);
    if (type === 2 && size >= 32) {
      for (let n = 0; n < maps; n++) {
        const map = from + 20 * n;
        if (map + 20 > at + size) throw leaves(map);
        const target = table.getUint32(map + 12, true);
        facts.mappings.push({
          segment: table.getUint32(at + 28, true),
          inputBase: table.getUint32(map, true),
          count: table.getUint32(map + 4, true) + 1,
          outputBase: table.getUint32(map + 8, true),
          target,
          targetType: target < table.byteLength ? table.getUint8(target) : 0xff,
        });
      }
    } else facts.skipped += 1;
    at += size;
  }
}

/** The structures of a table, whose type has one or two bytes; their length follows in two. */
function* structures(
  table: DataView,
  from: number,
  typeBytes: 1 | 2,
): Generator<{ at: number; type: number; size: number }> {
  for (let at = from; at + 4 <= table.byteLength; ) {
    const type = typeBytes === 1 ? table.getUint8(at) : table.getUint16(at, true);
    const size = table.getUint16(at + 2, true);
    if (size < 4 || at + size > table.byteLength) throw leaves(at);
    yield { at, type, size };
    at += size;
  }
}

const leaves = (at: number): Trouble =>
  new Trouble('ACPI-002', 'a structure leaves its table', {
    at: { offsetBytes: at },
    hint: 'the table is damaged, or of a kind that is not known',
  });
