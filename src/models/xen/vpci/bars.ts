import { errno } from '../../../base/errno.js';
import { hex } from '../../../base/hex.js';
import type { VpciBar } from '../../../state/vpci.js';
import { type FrameRange, framesOf, overlaps, withoutFrames } from './frames.js';
import { msixFrames } from './msix-layout.js';
import type { VpciPorts } from './ports.js';

export const COMMAND = 0x04;
export const COMMAND_MEMORY = 0x0002;
export const COMMAND_INTX_DISABLE = 0x0400;
const BAR_MASK = 0xffff_fff0;
const ROM_MASK = 0xffff_f800;
export const ROM_ENABLE = 1;

/** A change of mappings that waits until the access that asked for it has ended. */
export interface PendingMap {
  readonly command: number;
  readonly romOnly: boolean;
  /** Guest frames to map or unmap, by BAR. */
  readonly ranges: readonly (readonly FrameRange[])[];
}

export interface SizedBar {
  readonly addressLo: number;
  readonly addressHi: number;
  readonly sizeLo: number;
  readonly sizeHi: number;
}

/**
 * `pci_size_mem_bar`: writes all ones, reads back, restores. The caller has memory decoding off. A 64-bit BAR in the
 * last slot has size 0 and is left with all ones in it. @source facts/xen 5.5
 */
export function sizeBar(ports: VpciPorts, reg: number, kind: 'rom' | 'last' | 'plain'): SizedBar {
  const isRom = kind === 'rom';
  const mask = isRom ? ROM_MASK : BAR_MASK;
  const bar = ports.hwRead(reg, 4);
  const is64 = !isRom && (bar & 6) === 4;
  ports.hwWrite(reg, 4, 0xffff_ffff);
  if (is64 && kind === 'last') {
    ports.warn('device with 64-bit BAR in last slot');
    return { addressLo: 0, addressHi: 0, sizeLo: 0, sizeHi: 0 };
  }
  let high = 0;
  if (is64) {
    high = ports.hwRead(reg + 4, 4);
    ports.hwWrite(reg + 4, 4, 0xffff_ffff);
  }
  const lo = (ports.hwRead(reg, 4) & mask) >>> 0;
  let hi = lo === 0 ? 0 : 0xffff_ffff;
  if (is64) {
    hi = ports.hwRead(reg + 4, 4);
    ports.hwWrite(reg + 4, 4, high);
  }
  ports.hwWrite(reg, 4, bar);
  const sizeLo = -lo >>> 0;
  const sizeHi = (lo === 0 ? -hi : ~hi) >>> 0;
  return { addressLo: (bar & mask) >>> 0, addressHi: high, sizeLo, sizeHi };
}

const isMappable = ({ type }: VpciBar): boolean => type === 'mem32' || type === 'mem64-lo' || type === 'rom';

export const romRegister = (barCount: number): number => (barCount === 6 ? 0x30 : 0x38);

/** Before 4.19 a BAR that touches the host's memory map is left alone. @source docs/models/vpci.md */
function isPositionValid(ports: VpciPorts, bar: VpciBar): boolean {
  if (!ports.features.skipsBarsOutsideHoles) return true;
  const frames = framesOf(bar.addressLo, bar.addressHi, bar.sizeLo, bar.sizeHi);
  return frames !== null && !ports.hostMemory().some((range) => overlaps(range, frames));
}

/**
 * `modify_bars`: which guest frames to map or unmap for a COMMAND with or without memory decoding, or for the ROM
 * alone. @returns The work, to be done by `applyMap`, or a negative errno. @source facts/xen 5.5
 */
export function modifyBars(ports: VpciPorts, command: number, romOnly: boolean): PendingMap | number {
  const { bars, header } = ports.device();
  const wanted = (command & COMMAND_MEMORY) !== 0;
  const ranges: FrameRange[][] = bars.map(() => []);
  for (const [index, bar] of bars.entries()) {
    const concerned = romOnly ? bar.type === 'rom' : bar.type !== 'rom' || header.romEnabled;
    if (!isMappable(bar) || !concerned || bar.enabled === wanted) continue;
    if (!isPositionValid(ports, bar)) {
      const frames = framesOf(bar.addressLo, bar.addressHi, bar.sizeLo, bar.sizeHi);
      const text = frames === null ? '' : `${frames.first.toString(16)}, ${frames.last.toString(16)}`;
      ports.warn(`not mapping BAR [${text}] invalid position`);
      continue;
    }
    if ((bar.guestLo & 0xfff) !== (bar.addressLo & 0xfff)) {
      const guest = hex(bar.guestHi * 2 ** 32 + bar.guestLo);
      const host = hex(bar.addressHi * 2 ** 32 + bar.addressLo);
      ports.warn(`can't map BAR${index} - offset mismatch: ${guest} vs ${host}`);
      return -errno.EINVAL;
    }
    const frames = framesOf(bar.guestLo, bar.guestHi, bar.sizeLo, bar.sizeHi);
    if (frames === null) continue;
    for (let earlier = 0; earlier < index; earlier++)
      ranges[earlier] = withoutFrames(ranges[earlier]!, frames);
    ranges[index] = [frames];
    if (!ports.features.skipsBarsOutsideHoles) {
      for (const memory of ports.hostMemory()) ranges[index] = withoutFrames(ranges[index]!, memory);
    }
  }
  for (const hole of msixFrames(ports.device())) subtract(ranges, hole);
  for (const other of ports.mappedBars()) {
    // Within the function only a ROM toggle looks at the other BARs, and since 4.19 not even that.
    if (other.isSameFunction && (!romOnly || other.isRom || !ports.features.skipsBarsOutsideHoles)) continue;
    subtract(ranges, other);
  }
  return { command, romOnly, ranges };
}

function subtract(ranges: FrameRange[][], hole: FrameRange): void {
  for (let i = 0; i < ranges.length; i++) ranges[i] = withoutFrames(ranges[i]!, hole);
}

/**
 * `vpci_process_pending`: maps or unmaps, then lets hardware decode (or not). A failed mapping leaves memory decoding
 * off. @returns 0 or the mapping's negative errno. @source facts/xen 5.5
 */
export function applyMap(
  ports: VpciPorts,
  { command, romOnly, ranges }: PendingMap,
  atBuild = false,
): number {
  const mapped = (command & COMMAND_MEMORY) !== 0;
  for (const [bar, frames] of ranges.entries()) {
    if (frames.length === 0) continue;
    const ret = ports.map(bar, frames, mapped);
    if (ret === 0) continue;
    // While Dom0 is built the caller gives the device up instead.
    if (!atBuild) modifyDecoding(ports, command & ~COMMAND_MEMORY, false);
    return ret;
  }
  if (mapped && !romOnly) punchMsixHoles(ports, ranges);
  modifyDecoding(ports, command, romOnly);
  return 0;
}

/** A function set up while its domain runs maps whole BARs: its MSI-X was not known when the frames were chosen. */
function punchMsixHoles(ports: VpciPorts, ranges: PendingMap['ranges']): void {
  const holes = msixFrames(ports.device());
  for (const [bar, frames] of ranges.entries()) {
    const inside = holes.flatMap((hole) =>
      frames
        .filter((range) => overlaps(range, hole))
        .map(({ first, last }) => ({ first: Math.max(first, hole.first), last: Math.min(last, hole.last) })),
    );
    if (inside.length > 0) ports.map(bar, inside, false);
  }
}

/** Marks BARs as mapped or not and writes the register that makes hardware agree. */
function modifyDecoding(ports: VpciPorts, command: number, romOnly: boolean): void {
  const mapped = (command & COMMAND_MEMORY) !== 0;
  const { bars, header } = ports.device();
  for (const [index, bar] of bars.entries()) {
    if (!isMappable(bar) || (romOnly && bar.type !== 'rom')) continue;
    if (!romOnly && bar.type === 'rom' && !header.romEnabled) continue;
    if (bar.enabled !== mapped && isPositionValid(ports, bar))
      ports.change('bar', index, { enabled: mapped });
    if (romOnly) {
      if (header.romEnabled !== mapped) ports.change('header', 0, { romEnabled: mapped });
      ports.hwWrite(romRegister(header.barCount), 4, (bar.addressLo | (mapped ? ROM_ENABLE : 0)) >>> 0);
      return;
    }
  }
  ports.hwWrite(COMMAND, 2, command & 0xffff);
  if (header.barsMapped !== mapped) ports.change('header', 0, { barsMapped: mapped });
}
