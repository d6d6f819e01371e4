import type { MachineView } from '../../machine/program.js';
import { access, bareMachine, buildGuest, cf8, type Part, PORT } from '../ioreq/parts.js';
import type { Scenario } from '../scenario.js';
import { fullQemu, HOST_BRIDGE, LPC, notes2018, startFullQemu } from './machine.js';

function* port(machine: MachineView, addr: number, size: number, value?: number): Part {
  const data = { space: 'port' as const, addr, size };
  yield* access(machine, value === undefined ? data : { ...data, value });
}

/** PM1 status and timer of QEMU where firmware puts them, and of Xen. @source facts/q35-qemu 1.4; facts/xen 4.5 */
const QEMU_PM = 0x600;
const XEN_PM = 0xb000;
/** ACPI hot-plug of PCI, and the method of NVDIMMs. @source facts/q35-qemu 2.8; QEMU include/hw/mem/nvdimm.h */
const ACPI_HOTPLUG = 0xcc0;
const NVDIMM = 0xa18;

const PARAM_ACPI_IOPORTS = 19;

export const pmbase: Scenario = {
  name: 'pmbase-and-acpi-control',
  title: 'Firmware puts the ACPI registers of the LPC bridge where Xen does not have them',
  source: `${notes2018}; facts/q35-qemu 1.4, 2.8`,
  shows:
    "Firmware writes PMBASE 0x600 and switches ACPI on, then reads PM1 status there and at 0xb000, where Xen has its own. Whose LPC bridge takes the write decides which of the two answers, and whether QEMU's ACPI hot-plug can say anything.",
  expects: [],
  takesPlatform: false,
  platform: bareMachine,
  deviceModels: (env) => [fullQemu(env, false)],
  programs: () => ({
    toolstack: buildGuest(1),
    *machine(machine) {
      yield* startFullQemu([[PORT, ACPI_HOTPLUG, ACPI_HOTPLUG + 0x17]]);
      yield {
        kind: 'hypercall.issued',
        by: 'toolstack',
        data: {
          domid: 0 as never,
          hypercall: 'hvm_op',
          op: 'set_param',
          args: { domid: 1, index: PARAM_ACPI_IOPORTS, value: 1 },
        },
      };
      yield* cf8(machine, HOST_BRIDGE, 0x00, 4);
      yield* cf8(machine, LPC, 0x40, 4);
      yield* cf8(machine, LPC, 0x40, 4, QEMU_PM + 1);
      yield* cf8(machine, LPC, 0x44, 1, 0x80);
      yield* cf8(machine, LPC, 0x40, 4);
      yield* cf8(machine, LPC, 0x44, 1);
      yield* port(machine, QEMU_PM, 2);
      yield* port(machine, XEN_PM, 2);
      yield* port(machine, XEN_PM + 8, 4);
      // ACPI hot-plug: which slots have news; then the method of an NVDIMM.
      yield* port(machine, ACPI_HOTPLUG + 0x10, 4, 0);
      yield* port(machine, ACPI_HOTPLUG, 4);
      yield* port(machine, NVDIMM, 4, 0x1000);
      // ACPI off: QEMU's block is gone, Xen's is not.
      yield* cf8(machine, LPC, 0x44, 1, 0);
      yield* port(machine, QEMU_PM, 2);
      yield* port(machine, XEN_PM, 2);
    },
  }),
};
