import { imageOf, type QemuMachine } from '../machine.js';
import { ownRegisters, type Region } from '../region.js';

/** Device types that answer at the legacy VGA addresses wherever their BARs are. */
const LEGACY_VGA = /^(VGA|cirrus-vga|qxl-vga|vmware-svga|virtio-vga.*|ati-vga|vhost-user-vga)$/;
const MEMORY = [[0xa_0000, 0x2_0000]] as const;
/** VBE index and data, then the ports of the adapter. */
const PORTS = [
  [0x1ce, 3],
  [0x3b4, 2],
  [0x3ba, 1],
  [0x3c0, 16],
  [0x3d4, 2],
  [0x3da, 1],
] as const;

const legacyVga: Region = ownRegisters('VGA', 'legacy addresses of a VGA device');

/** The region of a machine's VGA device at a legacy address; null elsewhere, and without one. */
export function legacyVgaAt(machine: QemuMachine, space: 'memory' | 'io', address: number): Region | null {
  const ranges = space === 'memory' ? MEMORY : PORTS;
  if (!ranges.some(([base, count]) => address >= base && address < base + count)) return null;
  const present = machine.state.functions.some(
    (fn) => fn !== null && LEGACY_VGA.test(imageOf(machine, fn).type),
  );
  return present ? legacyVga : null;
}
