import { describe, expect, it } from 'vitest';
import type { DomainId, PhysicalAddress } from '../../src/base/brand.js';
import { emptyRootPort, placed, q35Function, sharedMemory } from '../../src/emulators/q35-functions.js';
import { QemuModel } from '../../src/emulators/qemu-model.js';
import type { DeviceRequest } from '../../src/machine/device-model.js';
import type { GuestSbdf } from '../../src/pci/sbdf.js';
import { currentBehaviour } from '../../src/policy/behaviours.js';
import { defaultSwitches } from '../../src/policy/switches.js';

const PORT = 0xe0;
const BEHIND = 0x100;

const model = (configBytes: 256 | 4096 = 256): QemuModel =>
  new QemuModel(
    { name: 'qemu', latencyNs: 1, names: 'realised', configBytes },
    {
      board: {
        kind: 'q35',
        ramBytes: 128 << 20,
        nativeHotplug: true,
        pciexbarMasks: 'qemu',
        lowMemoryOnly: false,
        smbaseSmram: true,
        releases: { switches: defaultSwitches, behaviour: currentBehaviour },
      },
      functions: [
        placed(q35Function('mch'), 0),
        placed(q35Function('ICH9-LPC'), 0xf8),
        placed(emptyRootPort(), PORT, null, 'rp1'),
      ],
      pluggable: [sharedMemory(16 << 20)],
    },
  );

const request = (given: Partial<Record<keyof DeviceRequest, unknown>>): DeviceRequest =>
  ({
    domid: 1 as DomainId,
    vcpu: 0,
    server: 0,
    type: 'pci_config',
    addr: 0 as PhysicalAddress,
    size: 4,
    count: 1,
    dir: 'read',
    dataIsPtr: false,
    data: 0,
    dataHigh: 0,
    ...given,
  }) as DeviceRequest;

const read = (qemu: QemuModel, sbdf: number, reg: number, size = 4): number =>
  qemu.serve(request({ sbdf: sbdf as GuestSbdf, reg, size })).data;
const write = (qemu: QemuModel, sbdf: number, reg: number, data: number, size = 4) =>
  qemu.serve(request({ sbdf: sbdf as GuestSbdf, reg, size, data, dir: 'write' }));

const plug = (qemu: QemuModel) =>
  qemu.hear({
    model: 'qemu',
    what: 'device_add',
    args: { driver: 'ivshmem-plain', id: 'shm0', bus: 'rp1', devfn: 0 },
  });

describe('QEMU behind an IOREQ server (facts/q35-qemu 3)', () => {
  it('answers configuration requests of its functions and leaves the data of others alone', () => {
    const qemu = model();
    expect(read(qemu, 0, 0)).toBe(0x29c0_8086);
    expect(read(qemu, PORT, 0)).toBe(0x3420_8086);
    expect(qemu.serve(request({ sbdf: 0x18, reg: 0, data: 0x1234_5678 })).data).toBe(0x1234_5678);
  });

  it('ends configuration space at 256 bytes unless told otherwise', () => {
    expect(read(model(), PORT, 0x100)).toBe(0xffff_ffff);
    expect(read(model(4096), PORT, 0x100)).toBe(0x0002_0001);
  });

  it('answers CF8/CFC by itself and the ECAM window once the guest has opened it', () => {
    const qemu = model();
    const pio = (addr: number, dir: 'read' | 'write', data = 0) =>
      qemu.serve(request({ type: 'pio', addr, dir, data }));
    pio(0xcf8, 'write', 0x8000_e000);
    expect(pio(0xcfc, 'read').data).toBe(0x3420_8086);
    const { calls } = write(qemu, 0, 0x60, 0xb000_0001);
    expect(calls).toEqual([
      {
        op: 'map_io_range_to_ioreq_server',
        args: { type: 1, start: 0xb000_0000, end: 0xbfff_ffff },
        server: true,
      },
    ]);
    expect(qemu.serve(request({ type: 'copy', addr: 0xb000_0000 + PORT * 4096 + 0x100 })).data).toBe(
      0x0002_0001,
    );
  });

  it('registers a plugged function under the name its port has then, and its memory once a window opens', () => {
    const qemu = model();
    write(qemu, PORT, 0x18, 0x0001_0100);
    expect(plug(qemu)).toContainEqual({
      op: 'map_io_range_to_ioreq_server',
      args: { type: 2, start: BEHIND, end: BEHIND },
      server: true,
    });
    // The slot has no power yet.
    expect(read(qemu, BEHIND, 0)).toBe(0xffff_ffff);
    write(qemu, PORT, 0xa8, 0x01c0, 2);
    expect(read(qemu, BEHIND, 0)).toBe(0x1110_1af4);
    write(qemu, BEHIND, 0x18, 0xffff_ffff);
    expect(read(qemu, BEHIND, 0x18)).toBe(0xff00_000c);
    write(qemu, BEHIND, 0x18, 0xe000_0000);
    write(qemu, BEHIND, 0x1c, 0);
    expect(write(qemu, BEHIND, 0x04, 2, 2).calls).toBeUndefined();
    write(qemu, PORT, 0x24, 0xe010_e000);
    // Two of sixteen MiB: only what the window forwards is QEMU's to answer.
    expect(write(qemu, PORT, 0x04, 2, 2).calls).toEqual([
      {
        op: 'map_io_range_to_ioreq_server',
        args: { type: 1, start: 0xe000_0000, end: 0xe01f_ffff },
        server: true,
      },
    ]);
  });

  it('is not followed when the guest renumbers a bus, except with live names', () => {
    const qemu = model();
    write(qemu, PORT, 0x18, 0x0001_0100);
    plug(qemu);
    write(qemu, PORT, 0xa8, 0x01c0, 2);
    write(qemu, PORT, 0x18, 0x0005_0500);
    expect(read(qemu, BEHIND, 0)).toBe(0x1110_1af4);
    expect(read(qemu, 0x500, 0)).toBe(0);
  });

  it('forwards an error of a passed-through function to its port, with message and source', () => {
    const qemu = model(4096);
    write(qemu, PORT, 0x18, 0x0001_0100);
    write(qemu, PORT, 0x04, 0x0107, 2);
    write(qemu, PORT, 0x3e, 2, 2);
    write(qemu, PORT, 0x98, 7, 2);
    write(qemu, PORT, 0x12c, 7);
    write(qemu, PORT, 0x64, 0xfee0_0000);
    write(qemu, PORT, 0x68, 0x40, 2);
    write(qemu, PORT, 0x62, 0x11, 2);
    const args = { port: 'rp1', message: 'ERR_FATAL', source: BEHIND };
    expect(qemu.hear({ model: 'qemu', what: 'error', args })).toEqual([
      { op: 'inject_msi', args: { data: 0x41, pad: 0, addr: 0xfee0_0000 }, server: false },
    ]);
    expect(read(qemu, PORT, 0x130)).toBe(0x0800_0054);
    expect(read(qemu, PORT, 0x134)).toBe(BEHIND * 0x1_0000);
  });
});
