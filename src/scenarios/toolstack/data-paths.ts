import type { DomainId, PhysicalAddress } from '../../base/brand.js';
import { hex } from '../../base/hex.js';
import type { RecordObject } from '../../events/field.js';
import type { MachineView } from '../../machine/program.js';
import { pciCommands } from '../../models/linux/pciif/page.js';
import { dma } from './dma.js';
import { e1000e, highNvme, nvme } from './functions.js';
import { given, memories, memoryOf } from './memories.js';
import { boot, connectedGuest, guest, type Part, request, run, setpci } from './parts.js';
import type { Symptom } from './symptom.js';
import { hypercall, map, nvmeFrames, pageTableEntry, READ_WRITE, touch, UNCACHED } from './touch.js';

const d = (domid: number): DomainId => domid as DomainId;
/** Pages in which each guest wants its data, and where Dom0 keeps its own copies. */
const bufferOf = (domid: number): number => memoryOf(domid) + 0x4000;
const DOM0_CACHE = memoryOf(0) + 0x8000;
/** Memory of the HVM guest begins at guest physical 0. */
const HVM_MEMORY = 0x7000_0000;
const HVM_BUFFER = 0x4000;
/** Command register of the IDE disk QEMU emulates, and its interrupt. */
const IDE_COMMAND = 0x1f7;
const IDE_IRQ = 14;
const READ_DMA = 0xc8;
const SELF = 0x7ff0;

/** Passed through to a PV guest: Dom0 sets up, registers and data are the guest's and the device's. */
function* passedThrough(machine: MachineView): Part {
  const { registers } = nvmeFrames;
  yield* request(machine, 1, pciCommands.conf_write, { offset: 4, size: 2, value: 0x0006 });
  yield* request(machine, 1, pciCommands.enable_msix, { value: 1 });
  yield* map(1, 0, [registers, registers + 1], READ_WRITE | UNCACHED);
  const pirq = Object.keys(machine.state.irq.domains[1]?.pirqs ?? {}).map(Number);
  yield* hypercall(1, 'event_channel_op', 'bind_pirq', { pirq: Math.max(...pirq), flags: 0 });
  // Tail doorbell; the disk fetches the command, writes the block and the completion; head doorbell.
  yield* touch(1, 'memory', registers * 4096 + 0x1000, 'write');
  yield* dma(nvme, memoryOf(1) + 0x1000, 'read');
  yield* dma(nvme, bufferOf(1));
  yield* dma(nvme, memoryOf(1) + 0x2000);
  yield* touch(1, 'memory', registers * 4096 + 0x1004, 'write');
}

/** Emulated by QEMU: every register access leaves the guest, the data lies in Dom0 first, QEMU copies it. */
function* emulated(): Part {
  yield* guest(2, 'hvm', 'guest2');
  yield {
    kind: 'stage2.populated',
    by: 'xen',
    data: {
      domid: d(2),
      address: 0 as PhysicalAddress,
      target: HVM_MEMORY as PhysicalAddress,
      sizeBytes: 0x100_0000,
      writable: true,
    },
  };
  const dmOp = (op: string, args: RecordObject): Part => hypercall(0, 'dm_op', op, { domid: 2, ...args });
  yield* dmOp('create_ioreq_server', { handle_bufioreq: 0 });
  yield* hypercall(0, 'memory_op', 'acquire_resource', {
    domid: 2,
    type: 0,
    id: 0,
    frame: 1,
    nr_frames: 1,
    frame_list: 1,
  });
  yield* dmOp('map_io_range_to_ioreq_server', { id: 0, type: 0, start: 0x1f0, end: IDE_COMMAND });
  yield* dmOp('set_ioreq_server_state', { id: 0, enabled: 1 });
  yield* portWrite(IDE_COMMAND, READ_DMA);
  // QEMU reads the image: Dom0's disk writes to Dom0's page cache; QEMU maps the guest's page and copies.
  yield* dma(highNvme, DOM0_CACHE);
  yield* hypercall(0, 'mmu_update', '', {
    reqs: [{ ptr: pageTableEntry(0, 0), val: hex(HVM_BUFFER + READ_WRITE) }],
    count: 1,
    foreigndom: 2,
  });
  yield* dmOp('set_isa_irq_level', { isa_irq: IDE_IRQ, level: 1 });
}

function* portWrite(port: number, value: number): Part {
  const followed = yield {
    kind: 'io.requested',
    by: 'd2v0',
    data: {
      domid: d(2),
      vcpu: 0,
      space: 'port',
      addr: port as PhysicalAddress,
      size: 1,
      dir: 'write',
      count: 1,
      df: false,
      dataIsPtr: false,
      value,
      valueHigh: null,
    },
  };
  const sent = followed.find((event) => event.kind === 'ioreq.sent');
  if (sent === undefined) return;
  yield {
    kind: 'ioreq.served',
    by: 'dm:qemu',
    cause: sent.seq,
    data: { domid: d(2), vcpu: 0, server: 0, state: 3, data: value, dataHigh: null, eport: null },
  };
}

/** Split drivers: a block backend maps the guest's page, a network backend has Xen copy into it. */
function* split(): Part {
  yield* guest(3, 'pv', 'guest3');
  yield* offer(8, bufferOf(3));
  yield* offer(9, bufferOf(3) + 0x1000);
  yield* ask('vbd', 4096);
  yield* hypercall(0, 'grant_table_op', 'map_grant_ref', { dom: 3, ref: 8, flags: 3, host_addr: 0 });
  // Dom0's disk writes straight into the page the guest lent.
  yield* dma(highNvme, bufferOf(3));
  yield* hypercall(0, 'grant_table_op', 'unmap_grant_ref', { handle: 0, host_addr: 0, dev_bus_addr: 0 });
  yield* ask('vif', 1514);
  // The packet arrives in Dom0's memory, and Xen copies it.
  yield* dma(e1000e, DOM0_CACHE + 0x1000);
  yield* hypercall(0, 'grant_table_op', 'copy', {
    source: { ref_or_gmfn: (DOM0_CACHE + 0x1000) / 4096, domid: SELF, offset: 0 },
    dest: { ref_or_gmfn: 9, domid: 3, offset: 0 },
    len: 1514,
    flags: 2,
  });
}

function* offer(ref: number, address: number): Part {
  const frame = (address / 4096) as PhysicalAddress;
  yield { kind: 'grant.offered', by: 'd3', data: { domid: d(3), ref, to: d(0), frame, readonly: false } };
}

function* ask(device: 'vbd' | 'vif', sizeBytes: number): Part {
  yield { kind: 'split.requested', by: 'd3', data: { domid: d(3), device, dir: 'read', sizeBytes } };
}

/** The way of the same block of data under passthrough, emulation and split drivers. */
export const dataPaths: readonly Symptom[] = [
  {
    name: 'what-passes-through-dom0',
    title: 'Which data passes through Dom0?',
    source: 'thread of 2008: how does PV passthrough work; facts/dom0 3, 7',
    shows:
      "Three guests read a block. Passed through: Dom0 sees set-up only; registers, data and interrupt are the guest's. Emulated by QEMU: every register access goes to Dom0, the data lies in Dom0's memory first. Split drivers: the backend's own device writes into the guest's page (disk), or Xen copies from Dom0's memory (network).",
    devices: [nvme, highNvme, e1000e],
    *story(machine) {
      yield* boot([nvme, highNvme, e1000e], { drivers: true });
      yield* memories(1, 3);
      yield* given(0, memoryOf(0) + 0x200_0000, 4096, 'page-table');
      for (const one of [highNvme, e1000e]) yield* setpci(one, 4, 2, 0x0007);
      yield* run(machine, 'assignable-add', null, nvme.name);
      yield* connectedGuest(machine, 1, [nvme]);
      yield* passedThrough(machine);
      yield* emulated();
      yield* split();
    },
  },
];
