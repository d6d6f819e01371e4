import { Trouble } from '../../../base/errors.js';
import { limits } from '../../../base/limits.js';

const MAGIC = 0xd00dfeed;
const HEADER_BYTES_V16 = 36;
const HEADER_BYTES_V17 = 40;

/** Part of the blob, from its first byte to behind its last. */
export interface FdtBlock {
  readonly name: string;
  readonly start: number;
  readonly end: number;
}

export interface FdtHeader {
  readonly version: number;
  readonly bootCpuId: number;
  readonly headerBytes: number;
  /** Bytes that belong to the blob; what follows in the file does not count. */
  readonly totalBytes: number;
  readonly reservationsStart: number;
  readonly strings: FdtBlock;
  /** For version 16, whose header has no size of this block, `end` is the end of the blob. */
  readonly structure: FdtBlock;
}

/**
 * Reads and checks the header: every block lies inside the blob and is aligned; the order of the blocks is free.
 * @throws {Trouble} FDT-001 to FDT-005.
 * @source facts/arm-msi-iommu 1.6
 */
export function readFdtHeader(bytes: Uint8Array): FdtHeader {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 4 || view.getUint32(0) !== MAGIC) {
    throw new Trouble('FDT-001', 'not a flattened device tree', {
      at: { offsetBytes: 0 },
      expected: '0xd00dfeed',
      actual: bytes.length < 4 ? `${bytes.length} bytes` : hex(view.getUint32(0)),
      hint: 'give a .dtb; a .dts is compiled with dtc -I dts -O dtb',
    });
  }
  if (bytes.length < HEADER_BYTES_V16) throw truncated(bytes.length, HEADER_BYTES_V16, 4);

  const version = view.getUint32(20);
  const lastCompatible = view.getUint32(24);
  if (version < 16 || lastCompatible > 17 || lastCompatible > version) {
    throw new Trouble('FDT-003', `device tree version ${version} cannot be read`, {
      at: { offsetBytes: 20 },
      expected: 'version 16 or 17, or a later one compatible with 17',
      actual: `version ${version}, compatible back to ${lastCompatible}`,
      hint: 'convert it with dtc -I dtb -O dtb -V 17',
    });
  }
  const headerBytes = version >= 17 ? HEADER_BYTES_V17 : HEADER_BYTES_V16;
  const totalBytes = view.getUint32(4);
  if (totalBytes > limits.fdtBytes) {
    throw new Trouble('FDT-004', 'device tree larger than the limit', {
      at: { offsetBytes: 4 },
      expected: `at most ${limits.fdtBytes} bytes`,
      actual: `${totalBytes} bytes`,
    });
  }
  if (totalBytes < headerBytes) throw truncated(totalBytes, headerBytes, 4);
  if (totalBytes > bytes.length) throw truncated(bytes.length, totalBytes, 4);

  const block = (name: string, field: number, sizeBytes: number | null, alignment: number): FdtBlock => {
    const start = view.getUint32(field);
    const end = sizeBytes === null ? totalBytes : start + sizeBytes;
    if (start < headerBytes || start > totalBytes || end > totalBytes || start % alignment !== 0) {
      throw new Trouble('FDT-005', `the ${name} block does not lie inside the blob`, {
        at: { offsetBytes: field },
        expected: `${alignment}-aligned and inside ${hex(headerBytes)}..${hex(totalBytes)}`,
        actual: `${hex(start)}..${hex(end)}`,
      });
    }
    return { name, start, end };
  };
  const reservations = block('memory reservation', 16, null, 8);
  return {
    version,
    bootCpuId: view.getUint32(28),
    headerBytes,
    totalBytes,
    reservationsStart: reservations.start,
    strings: block('strings', 12, view.getUint32(32), 1),
    structure: block('structure', 8, version >= 17 ? view.getUint32(36) : null, 4),
  };
}

/**
 * No two blocks share bytes. Called once their real ends are known.
 * @throws {Trouble} FDT-006.
 */
export function checkNoOverlap(blocks: readonly FdtBlock[]): void {
  const filled = blocks.filter((block) => block.end > block.start).sort((a, b) => a.start - b.start);
  for (let i = 1; i < filled.length; i += 1) {
    const before = filled[i - 1]!;
    const after = filled[i]!;
    if (after.start < before.end) {
      throw new Trouble('FDT-006', `the ${before.name} and ${after.name} blocks overlap`, {
        at: { offsetBytes: after.start },
        expected: `${after.name} at ${hex(before.end)} or later`,
        actual: `${hex(after.start)}..${hex(after.end)}`,
      });
    }
  }
}

function truncated(actualBytes: number, expectedBytes: number, offsetBytes: number): Trouble {
  return new Trouble('FDT-002', 'device tree cut short', {
    at: { offsetBytes },
    expected: `${expectedBytes} bytes`,
    actual: `${actualBytes} bytes`,
    hint: 'the file is incomplete; copy it again',
  });
}

function hex(value: number): string {
  return `0x${value.toString(16)}`;
}
