import type { DomainId } from '../../../base/brand.js';
import { hasBehaviour } from '../../../policy/behaviours.js';
import type { Env } from '../../../state/env.js';
import type { Context } from '../../context.js';
import { deviceType } from '../../qemu/devices/device-types.js';
import { type OwnRegisters, ownRootPort, registersOf } from './port-registers.js';

/** hvmloader and Xen expect the ACPI registers here; Xen has them at its own ports. @source facts/q35-qemu 1.4 */
const XEN_PMBASE = 0x0000_b001;

const MCH = 0x00;
const LPC = 0xf8;
const ROOT_PORTS = [0xe0, 0xe1, 0xe2, 0xe3] as const;

/** Root ports of 0.1.0: a header and the head of a capability. */
const barePort: OwnRegisters = {
  reset: {
    0: 0x3420_8086,
    4: 0x0010_0000,
    8: 0x0604_0002,
    12: 0x0001_0000,
    52: 0x0000_0090,
    144: 0x0042_0010,
  },
  writable: {
    4: 0x0000_0547,
    12: 0x0000_00ff,
    24: 0x00ff_ffff,
    28: 0x0000_f0f0,
    32: 0xfff0_fff0,
    36: 0xfff0_fff0,
    40: 0xffff_ffff,
    44: 0xffff_ffff,
    60: 0x005f_00ff,
  },
  clearable: {},
};

const bare: ReadonlyMap<number, OwnRegisters> = new Map([
  [
    MCH,
    {
      reset: { 0: 0x29c0_8086, 8: 0x0600_0000, 96: 0xb000_0000 },
      writable: { 4: 0x0000_0547, 96: 0xffff_ffff, 100: 0xffff_ffff },
      clearable: {},
    },
  ],
  [
    LPC,
    {
      reset: {
        0: 0x2918_8086,
        8: 0x0601_0002,
        12: 0x0080_0000,
        64: XEN_PMBASE,
        68: 0x80,
        96: 0x8080_8080,
        104: 0x8080_8080,
      },
      writable: { 96: 0x8f8f_8f8f, 104: 0x8f8f_8f8f, 240: 0xffff_c001 },
      clearable: {},
    },
  ],
  ...ROOT_PORTS.map((sbdf) => [sbdf, barePort] as const),
]);

/** Xen's LPC bridge: PMBASE and ACPI_CNTL say where Xen's registers are, and cannot be moved. */
function ownLpc(): OwnRegisters {
  const { reset, writable, clearable } = registersOf(deviceType('ICH9-LPC')!);
  return {
    reset: { ...reset, 64: XEN_PMBASE, 68: 0x80 },
    writable: { ...writable, 64: 0, 68: (writable[68] ?? 0) & ~0xff },
    clearable,
  };
}

const whole: ReadonlyMap<number, OwnRegisters> = new Map([
  [MCH, registersOf(deviceType('mch')!)],
  [LPC, ownLpc()],
  ...ROOT_PORTS.map((sbdf, index) => [sbdf, ownRootPort(index + 1)] as const),
]);

/**
 * Functions of Xen's chipset: memory controller hub, LPC bridge, four root ports at 00:1c. QEMU's host bridge behind
 * them is a dummy that the guest never reaches. @source facts/xen 13.3 (option II); facts/q35-qemu 1.1, 1.3, 1.4, 2.5
 */
export const ownFunctions = ({ behaviour }: Env): ReadonlyMap<number, OwnRegisters> =>
  hasBehaviour(behaviour, 'chipset-ports') ? whole : bare;

export const isOwn = (sbdf: number): boolean => whole.has(sbdf);
export const isRootPort = (sbdf: number): boolean => sbdf >= 0xe0 && sbdf <= 0xe3;

/** A dword of Xen's own chipset, or of its shadow of a register it watches. */
export function ownRegister({ state, env }: Context, domid: DomainId, sbdf: number, at: number): number {
  return state.mmconfig[domid]?.registers[sbdf]?.[at] ?? ownFunctions(env).get(sbdf)?.reset[at] ?? 0;
}
