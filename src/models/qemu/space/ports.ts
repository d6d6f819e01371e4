import { CF8_PORT, CFC_PORT } from '../../../pci/cf8.js';
import { CONVENTIONAL_CONFIG_BYTES } from '../../../pci/header.js';
import { hasBehaviour } from '../../../policy/behaviours.js';
import { apmPorts } from '../chipset/apm.js';
import { piix4Gpe, pmRegister } from '../chipset/pm-registers.js';
import { legacyVgaAt } from '../devices/vga.js';
import { NO_RESPONSE, readConfig, writeConfig } from '../function/config-space.js';
import type { QemuMachine } from '../machine.js';
import { resetMachine } from '../machine-reset.js';
import { acpiHotplug } from '../plugging/acpi-hotplug.js';
import { ownRegisters, type Region, region, type Target } from '../region.js';
import { findFunction } from '../routing.js';
import { pciTarget } from './pci-space.js';

/**
 * What answers at an I/O port of an x86 machine (on ARM nobody does: its I/O BARs are in a memory window). I/O BARs and windows win over everything fixed; then the reset
 * control, the PM block, configuration mechanism #1, the fixed ports; nobody reads as all ones.
 * @source facts/q35-qemu 1.4, 1.5, 2.3
 */
export function portTarget(machine: QemuMachine, port: number): Target {
  if (port > 0xffff) return { region: beyondPorts, offset: port, fn: null };
  if (machine.board.kind === 'virt') return { region: unassignedPorts, offset: port, fn: null };
  const pci = pciTarget(machine, 0, 'io', port);
  if (pci !== null) return pci;
  const vga = legacyVgaAt(machine, 'io', port);
  if (vga !== null) return { region: vga, offset: port, fn: null };
  if (port === RESET_PORT) return { region: resetControl[machine.board.kind], offset: 0, fn: null };
  const { pmBase, smbusBase } = machine.state;
  if (pmBase !== null && port >= pmBase && port < pmBase + (machine.board.kind === 'pc' ? 64 : 128)) {
    const at = pmRegister(machine, port - pmBase);
    if (at !== null) return { ...at, fn: null };
  }
  if (port >= CF8_PORT && port < CF8_PORT + 4) {
    return { region: configAddress, offset: port - CF8_PORT, fn: null };
  }
  if (port >= CFC_PORT && port < CFC_PORT + 4)
    return { region: configData, offset: port - CFC_PORT, fn: null };
  const fixed = fixedPort(machine, port);
  if (fixed !== null) return fixed;
  if (smbusBase !== null && port >= smbusBase && port < smbusBase + 64) {
    return { region: smbusPorts, offset: port - smbusBase, fn: null };
  }
  return { region: unassignedPorts, offset: port, fn: null };
}

const RESET_PORT = 0xcf9;

/** A port nobody owns; above 64 Ki there is no port at all. */
const unassignedPorts: Region = region('io', {});
const beyondPorts: Region = region('beyond the ports', { read: () => 0 });

/** CONFIG_ADDRESS: only a dword write at its first port stores; any load returns the register's low bytes. */
const configAddress: Region = region('pci-conf-idx', {
  read: (machine) => machine.state.configAddress,
  write: (machine, _target, at, size, value) => {
    if (at === 0 && size === 4) machine.state.configAddress = value >>> 0;
  },
});

/** CONFIG_DATA: offset is CF8 bits 7:0 ORed (not added) with the port's low bits. */
const configData: Region = region('pci-conf-data', {
  read: (machine, _target, at, size) => {
    const { configAddress: address } = machine.state;
    if (address < 0x8000_0000) return NO_RESPONSE;
    const fn = findFunction(machine, (address >>> 16) & 0xff, (address >>> 8) & 0xff);
    if (fn === null) return NO_RESPONSE;
    return readConfig(machine, fn, (address & 0xff) | at, size, CONVENTIONAL_CONFIG_BYTES);
  },
  write: (machine, _target, at, size, value) => {
    const { configAddress: address } = machine.state;
    if (address < 0x8000_0000) return;
    const fn = findFunction(machine, (address >>> 16) & 0xff, (address >>> 8) & 0xff);
    if (fn === null) return;
    writeConfig(machine, fn, (address & 0xff) | at, size, CONVENTIONAL_CONFIG_BYTES, value);
  },
});

/** Reset control: bit 2 resets the machine, else two bits are kept (PIIX3: one). */
const resetRegion = (name: string, kept: number, maxStep: number): Region =>
  region(name, {
    maxStep,
    read: (machine) => machine.state.resetControl,
    write: (machine, _target, _at, _size, value) => {
      if ((value & 4) !== 0) requestReset(machine);
      else machine.state.resetControl = value & kept;
    },
  });

const resetControl = {
  q35: resetRegion('lpc-reset-control', 0x0a, 4),
  pc: resetRegion('piix3-reset-control', 0x02, 1),
} as const;

const ISA_REASON = 'ISA device: timers, keyboard, clock and controllers of the board';
const isa = ownRegisters('ISA port', ISA_REASON);

/** The keyboard controller, of which the model has the ways to reset the machine. */
const keyboardCommand: Region = {
  ...isa,
  maxStep: 1,
  write: (machine, _target, _at, _size, value) => {
    const pulse = value >= 0xf0 && (value & 1) === 0;
    if (pulse) requestReset(machine);
    else machine.state.keyboardCommand = value === WRITE_OUTPUT_PORT ? value : 0;
  },
};
const keyboardData: Region = {
  ...isa,
  maxStep: 1,
  write: (machine, _target, _at, _size, value) => {
    const toOutputPort = machine.state.keyboardCommand !== 0;
    machine.state.keyboardCommand = 0;
    if (toOutputPort && (value & 1) === 0) requestReset(machine);
  },
};

/** Port 0x92: bit 0 resets. */
const fastReset: Region = {
  ...isa,
  maxStep: 1,
  write: (machine, _target, _at, _size, value) => {
    if ((value & 1) !== 0) requestReset(machine);
  },
};

/** Traces of releases before 0.3.0 know no reset of the machine. */
function requestReset(machine: QemuMachine): void {
  if (hasBehaviour(machine.board.releases.behaviour, 'qemu-as-released')) resetMachine(machine);
}

const smbusPorts = ownRegisters('pm-smbus', 'SMBus controller');
const cpuHotplugSwitched = ownRegisters(
  'acpi-cpu-hotplug',
  'CPU hot-plug registers after a switch of interface',
);
/** A bitmap of present CPUs, one byte at a time: the boot CPU only. A 0 stored at its start switches interfaces. */
const cpuHotplug: Region = region('acpi-cpu-hotplug', {
  maxStep: 1,
  read: (_machine, _target, at) => (at === 0 ? 1 : 0),
  write: (machine, _target, at, _size, value) => {
    if (at === 0 && value === 0) machine.state.cpuHotplugSwitched = true;
  },
});

/** Ports of devices soldered to both boards, first and last. @source QEMU `info mtree -f` of 7.2 */
const ISA_PORTS: readonly (readonly [number, number])[] = [
  [0x00, 0x0f],
  [0x20, 0x21],
  [0x40, 0x43],
  [0x60, 0x61],
  [0x64, 0x64],
  [0x70, 0x71],
  [0x7e, 0x83],
  [0x87, 0x87],
  [0x89, 0x8b],
  [0x8f, 0x8f],
  [0x92, 0x92],
  [0xa0, 0xa1],
  [0xc0, 0xdf],
  [0xf0, 0xf0],
  [0x4d0, 0x4d1],
  [0x510, 0x511],
  [0x514, 0x51b],
  [0x5658, 0x5658],
];
/** IDE and floppy ports of the i440FX board. */
const PC_PORTS: readonly (readonly [number, number])[] = [
  [0x170, 0x177],
  [0x1f0, 0x1f7],
  [0x376, 0x376],
  [0x3f1, 0x3f7],
];
const KEYBOARD_DATA = 0x60;
const KEYBOARD_COMMAND = 0x64;
const WRITE_OUTPUT_PORT = 0xd1;
const FAST_RESET = 0x92;
const APM_PORT = 0xb2;
const HOTPLUG_PORTS = 24;
const CPU_PORTS = 32;

const within = (port: number, base: number, count: number): boolean => port >= base && port < base + count;

function fixedPort(machine: QemuMachine, port: number): Target | null {
  const { kind, nativeHotplug } = machine.board;
  const isPc = kind === 'pc';
  const hotplugBase = isPc ? 0xae00 : 0xcc0;
  if (within(port, hotplugBase, HOTPLUG_PORTS) && (isPc || !nativeHotplug)) {
    return { region: acpiHotplug, offset: port - hotplugBase, fn: null };
  }
  if (within(port, APM_PORT, 2)) return { region: apmPorts, offset: port - APM_PORT, fn: null };
  const cpuBase = isPc ? 0xaf00 : 0xcd8;
  if (within(port, cpuBase, CPU_PORTS)) {
    const region = machine.state.cpuHotplugSwitched ? cpuHotplugSwitched : cpuHotplug;
    return { region, offset: port - cpuBase, fn: null };
  }
  if (isPc && within(port, 0xafe0, 4)) return { region: piix4Gpe, offset: port - 0xafe0, fn: null };
  if (port === KEYBOARD_DATA) return { region: keyboardData, offset: 0, fn: null };
  if (port === KEYBOARD_COMMAND) return { region: keyboardCommand, offset: 0, fn: null };
  if (port === FAST_RESET) return { region: fastReset, offset: 0, fn: null };
  const owners = isPc ? [...ISA_PORTS, ...PC_PORTS] : ISA_PORTS;
  const owner = owners.find(([first, last]) => port >= first && port <= last);
  return owner === undefined ? null : { region: isa, offset: port - owner[0], fn: null };
}
