import type { QemuMachine } from '../machine.js';
import type { Target } from '../region.js';
import { busTarget, memoryTarget } from './memory-map.js';
import { portTarget } from './ports.js';

type Decode = (machine: QemuMachine, address: number) => Target;

/** Doubles hold every address below; above, `address` is a page and `offsetBytes` the place inside it. */
const EXACT = 2 ** 53;

/**
 * Reads `out.length` bytes of physical memory, as a processor (or a test) would.
 * @param address Exact below 2^53; above, a multiple of 4096.
 * @param offsetBytes Added to `address`.
 * @returns null, or why the answer is not this model's to give (declared per region beforehand)
 */
export function readMemory(
  machine: QemuMachine,
  address: number,
  out: Uint8Array,
  offsetBytes = 0,
): string | null {
  return read(machine, memoryTarget, address, offsetBytes, out);
}

/** Stores bytes as a processor does; like every store it cannot fail. */
export function writeMemory(machine: QemuMachine, address: number, bytes: Uint8Array, offsetBytes = 0): void {
  write(machine, memoryTarget, address, offsetBytes, bytes);
}

/** Stores bytes as a device does, or a test without a processor. */
export function writeFromBus(
  machine: QemuMachine,
  address: number,
  bytes: Uint8Array,
  offsetBytes = 0,
): void {
  write(machine, busTarget, address, offsetBytes, bytes);
}

export const readPorts = (machine: QemuMachine, port: number, out: Uint8Array): string | null =>
  read(machine, portTarget, port, 0, out);

export const writePorts = (machine: QemuMachine, port: number, bytes: Uint8Array): void =>
  write(machine, portTarget, port, 0, bytes);

function locate(machine: QemuMachine, decode: Decode, address: number, offset: number): Target {
  if (address < EXACT) return decode(machine, address + offset);
  const target = decode(machine, address);
  return { ...target, offset: target.offset + offset };
}

/** Bytes the region takes of `left` at once. Its end does not cut: the first byte decides who gets the piece. */
function pieceBytes(target: Target, left: number): number {
  let max = target.region.maxAccess;
  const misaligned = target.offset % 8;
  if (misaligned !== 0) max = Math.min(max, misaligned & -misaligned);
  const size = Math.min(max, left);
  return size === 3 ? 2 : size > 4 && size < 8 ? 4 : size;
}

function read(
  machine: QemuMachine,
  decode: Decode,
  address: number,
  from: number,
  out: Uint8Array,
): string | null {
  let unmodelled: string | null = null;
  for (let done = 0; done < out.length; ) {
    const target = locate(machine, decode, address, from + done);
    const size = pieceBytes(target, out.length - done);
    unmodelled ??= target.region.unmodelled;
    readPiece(machine, target, size, out, done);
    done += size;
  }
  return unmodelled;
}

function readPiece(machine: QemuMachine, target: Target, size: number, out: Uint8Array, at: number): void {
  const { region, offset } = target;
  out.fill(0, at, at + size);
  if (size < region.minAccess || size > region.maxAccess) return;
  const step = Math.max(Math.min(size, region.maxStep), region.minStep);
  for (let i = 0; i < size; i += step) {
    const low = region.read(machine, target, offset + i, step);
    const high = step === 8 ? (region.readHigh?.(machine, target, offset + i) ?? 0) : 0;
    for (let lane = 0; lane < step && i + lane < size; lane++) {
      out[at + i + lane] = (lane < 4 ? low : high) >>> (8 * (lane & 3));
    }
  }
}

function write(machine: QemuMachine, decode: Decode, address: number, from: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length; ) {
    const target = locate(machine, decode, address, from + done);
    const size = pieceBytes(target, bytes.length - done);
    writePiece(machine, target, size, bytes, done);
    done += size;
  }
}

function writePiece(machine: QemuMachine, target: Target, size: number, bytes: Uint8Array, at: number): void {
  const { region, offset } = target;
  if (size < region.minAccess || size > region.maxAccess) return;
  const step = Math.max(Math.min(size, region.maxStep), region.minStep);
  for (let i = 0; i < size; i += step) {
    const low = littleEndian(bytes, at + i, Math.min(4, step, size - i));
    region.write(machine, target, offset + i, step, low);
    if (step === 8) region.writeHigh?.(machine, target, offset + i, littleEndian(bytes, at + i + 4, 4));
  }
}

function littleEndian(bytes: Uint8Array, at: number, length: number): number {
  let value = 0;
  for (let i = 0; i < length; i++) value |= (bytes[at + i] ?? 0) << (8 * i);
  return value >>> 0;
}
