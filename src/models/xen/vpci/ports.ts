import type { RecordObject } from '../../../events/field.js';
import type { ReadonlyVpciDevice, VpciPart } from '../../../state/vpci.js';
import type { VpciFeatures } from './features.js';
import type { FrameRange } from './frames.js';

/** What vPCI asks Xen's interrupt layer to do with one vector. */
export interface InterruptRequest {
  readonly source: 'msi' | 'msi-x';
  /** Vector of the MSI block, or MSI-X entry. */
  readonly entry: number;
  readonly action: 'map' | 'bind' | 'unbind' | 'unmap' | 'mask' | 'unmask' | 'refuse';
  readonly addressLo: number;
  readonly addressHi: number;
  /** Message data of that vector. */
  readonly data: number;
  readonly masked: boolean;
  /** What an earlier `map` gave; for a later vector of a block already counted up. */
  readonly pirq: number;
  /** `map`: size of the block. */
  readonly vectors: number;
}

/** A BAR of another function that is mapped into the same domain, in guest frames. */
export interface MappedBar extends FrameRange {
  readonly isSameFunction: boolean;
  readonly isRom: boolean;
}

/**
 * Everything vPCI does to the rest of the world for one function. The model of the whole machine turns these into
 * events; a recording of a real machine answers `hwRead` from what its bus saw.
 */
export interface VpciPorts {
  readonly features: VpciFeatures;
  /** x86 or ARM. */
  readonly arch: 'arm64' | 'x86_64';
  /** Whether the owner is the hardware domain. */
  readonly isHardwareDomain: boolean;
  /** 4096 bytes of configuration space are reachable. */
  readonly hasExtendedConfig: boolean;
  /** Xen was told not to touch this function's BARs. */
  readonly ignoresBars: boolean;
  /** A domain runs: mappings wait until Xen is about to let it go on. While Dom0 is built they are done at once. */
  readonly defersMapping: boolean;
  /** The function after every change so far; do not keep parts of it. */
  device(): ReadonlyVpciDevice;
  change(part: VpciPart, index: number, fields: RecordObject): void;
  hwRead(reg: number, sizeBytes: 1 | 2 | 4): number;
  hwWrite(reg: number, sizeBytes: 1 | 2 | 4, value: number): void;
  /** Maps or unmaps guest frames of a BAR; 0 or a negative errno. */
  map(bar: number, ranges: readonly FrameRange[], mapped: boolean): number;
  /** Mapped BARs of the domain's functions, this one included (facts/xen 5.5, overlaps). */
  mappedBars(): Iterable<MappedBar>;
  /** Frames of the host memory map: RAM, reserved, ACPI. */
  hostMemory(): readonly FrameRange[];
  /** The (first) pirq for `map`, 0 for the others; or a negative errno. */
  interrupt(request: InterruptRequest): number;
  warn(message: string): void;
}
