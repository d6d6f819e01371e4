import { imageOf, type QemuMachine } from '../../../src/models/qemu/machine.js';
import type { FunctionState } from '../../../src/models/qemu/state.js';

/** I/O port regions whose accesses are played to the machine. */
export const portRegions: ReadonlySet<string> = new Set([
  'pci-conf-idx',
  'pci-conf-data',
  'lpc-reset-control',
  'piix3-reset-control',
  'acpi-pci-hotplug',
  'acpi-evt',
  'acpi-cnt',
  'acpi-gpe0',
  'acpi-smi',
  'apm-io',
]);

/** Memory regions whose accesses are played to the machine. */
export const memoryRegion = (name: string): boolean =>
  name === 'pcie-mmcfg-mmio' ||
  name === 'lpc-rcrb-mmio' ||
  name.endsWith('msix-table') ||
  name.endsWith('msix-pba');

/**
 * Registers that no recorded access determines, and why. Said beforehand: nothing here is found out by comparing.
 * A region that is not named here or above is not part of PCI and its accesses are passed over.
 */
export function undecidedRegister(machine: QemuMachine, region: string, address: number): string | null {
  if (region === 'acpi-evt' && address - (machine.state.pmBase ?? 0) < 2) {
    return 'PM1 status: the carry of the PM timer and the power button come from outside';
  }
  if (region.endsWith('msix-pba')) {
    return 'MSI-X pending bits: set by a device at work while its vector is masked';
  }
  return null;
}

/**
 * Bits of a configuration dword that a device at work drives by itself: they are left out when it is compared.
 * STATUS bit 3 is the level of INTx, which follows from a device's own registers. Of bridges it is predicted.
 */
export function undecidedBits(machine: QemuMachine, fn: FunctionState, aligned: number): number {
  if (aligned !== COMMAND_STATUS) return 0;
  const { isBridge, pin } = imageOf(machine, fn);
  return isBridge || pin === null ? 0 : STATUS_INTERRUPT << 16;
}

const COMMAND_STATUS = 0x04;
const STATUS_INTERRUPT = 0x08;
