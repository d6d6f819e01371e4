import type { QemuMachine } from '../machine.js';
import { get8 } from '../registers.js';
import type { FunctionState } from '../state.js';

/** Device and function of the ISA bridge that routes interrupts. */
const ISA_BRIDGE_DEVFN = { q35: 0xf8, pc: 0x08 } as const;

function isaBridge(machine: QemuMachine): FunctionState | null {
  if (machine.board.kind === 'virt') return null;
  const index = machine.state.buses[0]!.devices[ISA_BRIDGE_DEVFN[machine.board.kind]];
  return index === undefined ? null : machine.state.functions[index]!;
}

/** Drives one input of the interrupt controller; the outside hears of changes only. */
export function setIrq(machine: QemuMachine, pin: number, level: boolean): void {
  const { irqLevels } = machine.state;
  if ((irqLevels[pin] ?? false) === level) return;
  if (level) irqLevels[pin] = true;
  else delete irqLevels[pin];
  machine.effects.push({ kind: 'irq', pin, level });
}

const pirqLevel = (machine: QemuMachine, pirq: number): boolean => (machine.state.pirqCount[pirq] ?? 0) !== 0;

/** A root-bus interrupt line may have changed. @source facts/q35-qemu 1.4 */
export function setPirq(machine: QemuMachine, pirq: number): void {
  switch (machine.board.kind) {
    case 'virt':
      return; // The lines end in the GIC, outside this model.
    case 'q35':
      updateIoapicPin(machine, 16 + pirq);
      updateIsaPin(machine, routeOf(machine, pirq) & 0xf);
      return;
    case 'pc':
      setPiixPirq(machine, pirq, pirqLevel(machine, pirq));
  }
}

/** Route byte of ICH9's PIRQ A-D (0x60) and E-H (0x68): bit 7 off, bits 3:0 ISA interrupt. */
function routeOf(machine: QemuMachine, pirq: number): number {
  const bridge = isaBridge(machine);
  return bridge === null ? 0x80 : get8(machine, bridge, (pirq < 4 ? 0x60 : 0x64) + pirq);
}

/** ICH9 pins 16 and up: one PIRQ each, and the SCI when it is routed there. */
export function updateIoapicPin(machine: QemuMachine, pin: number): void {
  const { pm } = machine.state;
  setIrq(machine, pin, pirqLevel(machine, pin - 16) || (pm.sciIrq === pin && pm.sciLevel));
}

/** ICH9 pins below 16: every enabled PIRQ routed to the ISA interrupt, ORed with the SCI. */
export function updateIsaPin(machine: QemuMachine, irq: number): void {
  const { pm } = machine.state;
  let level = pm.sciIrq === irq && pm.sciLevel;
  for (let pirq = 0; pirq < 8; pirq++) {
    if (routeOf(machine, pirq) < 0x80 && (routeOf(machine, pirq) & 0xf) === irq) {
      level ||= pirqLevel(machine, pirq);
    }
  }
  setIrq(machine, irq, level);
}

/** PIIX3: a route of 16 and more (bit 7) drives nothing, and leaves what the old route drives as it is. */
function setPiixPirq(machine: QemuMachine, pirq: number, level: boolean): void {
  const bridge = isaBridge(machine);
  const irq = bridge === null ? 0x80 : get8(machine, bridge, 0x60 + pirq);
  if (irq >= 16) return;
  if (level) machine.state.piixLevels[irq * 4 + pirq] = true;
  else delete machine.state.piixLevels[irq * 4 + pirq];
  drivePiixIrq(machine, irq);
}

function drivePiixIrq(machine: QemuMachine, irq: number): void {
  const { piixLevels } = machine.state;
  setIrq(
    machine,
    irq,
    [0, 1, 2, 3].some((pirq) => piixLevels[irq * 4 + pirq] === true),
  );
}

/** PIIX3's route bytes were written: everything is routed anew. */
export function rerouteBoard(machine: QemuMachine): void {
  machine.state.piixLevels = {};
  for (let pirq = 0; pirq < 4; pirq++) setPiixPirq(machine, pirq, pirqLevel(machine, pirq));
  for (let irq = 0; irq < 16; irq++) drivePiixIrq(machine, irq);
}
