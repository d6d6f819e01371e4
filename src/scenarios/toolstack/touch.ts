import type { DomainId, PhysicalAddress } from '../../base/brand.js';
import { hex } from '../../base/hex.js';
import type { RecordObject } from '../../events/field.js';
import { nvme, rtl8139 } from './functions.js';
import { memories, memoryOf, pageTableOf } from './memories.js';
import { boot, connectedGuest, destroy, guest, type Part, run, settle } from './parts.js';
import type { Symptom } from './symptom.js';

/** Where the NVMe disk has its registers, its MSI-X table and its pending bits, in frames. */
export const nvmeFrames = { registers: 0xfde00, table: 0xfde02, pending: 0xfde03 } as const;
const CARD_PORTS = 0xc000;
const SELF = 0x7ff0;

/** Present, accessed and dirty, user; writable or not, cached or not. */
export const READ_WRITE = 0x067;
export const UNCACHED = 0x018;

/** Machine address of an L1 entry of a PV domain here. */
export const pageTableEntry = (domid: number, slot: number): string => hex(pageTableOf(domid) + 8 * slot);

/** A guest's kernel asks for L1 entries, one for each frame, the first at `slot` of its table. */
export function* map(domid: number, slot: number, frames: readonly number[], flags: number): Part {
  const reqs = frames.map((frame, i) => ({
    ptr: pageTableEntry(domid, slot + i),
    val: hex(frame * 4096 + flags),
  }));
  yield* hypercall(domid, 'mmu_update', '', { reqs, count: reqs.length, foreigndom: SELF });
}

/** Its kernel clears entries. */
const unmap = (domid: number, slot: number, count: number): Part =>
  map(domid, slot, new Array<number>(count).fill(0), 0);

export function* hypercall(domid: number, name: string, op: string, args: RecordObject): Part {
  yield {
    kind: 'hypercall.issued',
    by: `d${domid}`,
    data: { domid: domid as DomainId, hypercall: name, op, args },
  };
}

/** A CPU of the domain accesses a register. */
export function* touch(
  domid: number,
  space: 'memory' | 'port',
  address: number,
  dir: 'read' | 'write' = 'read',
  size = 4,
): Part {
  yield {
    kind: 'registers.touched',
    by: `d${domid}`,
    data: { domid: domid as DomainId, vcpu: 0, space, address: address as PhysicalAddress, size, dir },
  };
}

/** What a guest gets at by itself. @source thread of 2008: what keeps other guests out; facts/xen 7.1 */
export const touches: readonly Symptom[] = [
  {
    name: 'non-privileged-attempt-to-map-mmio',
    title: 'd2 non-privileged attempt to map MMIO space',
    source: 'thread of 2008: what keeps other guests out; xen/arch/x86/mm.c (get_page_from_l1e)',
    shows:
      "A PV guest maps registers by itself, and Xen looks at every entry. The guest with the disk gets its registers, its MSI-X table for reading only; its card's ports go through Xen. Another guest gets none of it: no uncached mapping at all as long as it has no device, no frame, no port, no interrupt, nor memory of its neighbour.",
    expects: ['ASG-010'],
    devices: [nvme, rtl8139],
    *story(machine) {
      yield* boot([nvme, rtl8139]);
      for (const one of [nvme, rtl8139]) yield* run(machine, 'assignable-add', null, one.name);
      yield* memories(1, 2);
      yield* connectedGuest(machine, 1, [nvme, rtl8139]);
      yield* guest(2, 'pv', 'guest2');
      const { registers, table } = nvmeFrames;
      yield* map(1, 0, [registers, registers + 1, table, nvmeFrames.pending], READ_WRITE | UNCACHED);
      yield* touch(1, 'memory', registers * 4096 + 0x14, 'write');
      yield* touch(1, 'memory', table * 4096 + 0x0c);
      yield* touch(1, 'memory', table * 4096 + 0x0c, 'write');
      yield* touch(1, 'port', CARD_PORTS + 0x37, 'write', 1);
      // The guest without a device.
      yield* map(2, 0, [registers], READ_WRITE | UNCACHED);
      yield* map(2, 0, [registers], READ_WRITE);
      yield* map(2, 0, [memoryOf(1) / 4096], READ_WRITE);
      yield* touch(2, 'memory', registers * 4096 + 0x14);
      yield* touch(2, 'port', CARD_PORTS + 0x37, 'write', 1);
      yield* hypercall(2, 'event_channel_op', 'bind_pirq', { pirq: nvme.gsi, flags: 1 });
    },
  },
  {
    name: 'mapping-outlives-detach',
    title: 'A guest still reads the registers of a disk it was taken from',
    source: 'thread of 2008: what keeps other guests out; xen/common/domctl.c (iomem_permission)',
    shows:
      'A guest gives its disk back and keeps it mapped. Xen takes the permission, not the mapping: when the next guest has the disk, the first one reads and writes its registers, IOMMU or not. Its kernel, or its end, is what takes the mapping away.',
    expects: ['ASG-017', 'ASG-015', 'ASG-010'],
    devices: [nvme],
    *story(machine) {
      yield* boot([nvme]);
      yield* run(machine, 'assignable-add', null, nvme.name);
      yield* memories(1, 2);
      const { registers } = nvmeFrames;
      yield* connectedGuest(machine, 1, [nvme]);
      yield* map(1, 0, [registers, registers + 1], READ_WRITE | UNCACHED);
      yield* touch(1, 'memory', registers * 4096 + 0x14, 'write');
      yield* run(machine, 'detach', 1, nvme.name);
      yield* settle(machine);
      yield* touch(1, 'memory', registers * 4096);
      yield* connectedGuest(machine, 2, [nvme]);
      yield* touch(1, 'memory', registers * 4096 + 0x14, 'write');
      // It cannot map it anew.
      yield* unmap(1, 1, 1);
      yield* touch(1, 'memory', (registers + 1) * 4096);
      yield* map(1, 1, [registers + 1], READ_WRITE);
      yield* destroy(machine, 1);
      yield* touch(1, 'memory', registers * 4096);
    },
  },
];
