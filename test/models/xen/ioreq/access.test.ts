import { describe, expect, it } from 'vitest';
import { errno } from '../../../../src/base/errno.js';
import { all, BenchGuest, GUEST, kinds, only } from './bench-guest.js';

const latch = (bench: BenchGuest, value: number): void => {
  bench.write('port', 0xcf8, 4, value);
  finish(bench);
};
/** Lets a server answer a pending access so that the virtual CPU is free again. */
const finish = (bench: BenchGuest): void => {
  const [id] = bench.guest.servers.flatMap((server, at) => (server?.slots[0]?.pending === true ? [at] : []));
  if (id !== undefined) bench.serve(id, 0);
};
const sentTo = (bench: BenchGuest, events = bench.events): number | undefined =>
  all(events, 'ioreq.sent').at(-1)?.data.server;

describe('an access and its server', () => {
  it('reads all ones and loses writes when nobody has it', () => {
    const bench = new BenchGuest();
    const read = bench.read('mem', 0xf000_0000, 2);
    expect(kinds(read)).toEqual(['io.requested', 'ioreq.unclaimed', 'io.completed']);
    expect(only(read, 'io.completed').data).toMatchObject({
      value: 0xffff,
      handledBy: 'nobody',
      result: 'done',
    });
    expect(only(bench.read('mem', 0xf000_0000, 8), 'io.completed').data).toMatchObject({
      value: 0xffff_ffff,
      valueHigh: 0xffff_ffff,
    });
    expect(only(bench.write('port', 0x1234, 1, 7), 'io.completed').data).toMatchObject({ value: null });
  });

  it('blocks the virtual CPU until the server answers, then gives it the data cut to size', () => {
    const bench = new BenchGuest();
    const id = bench.server([[1, 0xf000_0000, 0xf000_0fff]]);
    expect(kinds(bench.read('mem', 0xf000_0010, 2))).toEqual(['io.requested', 'ioreq.sent']);
    expect(only(bench.read('mem', 0xf000_0010, 2), 'io.completed').data.result).toBe('blocked');
    const served = bench.serve(id, 0x1234_5678);
    expect(kinds(served)).toEqual(['ioreq.served', 'ioreq.completed', 'io.completed']);
    expect(only(served, 'io.completed').data).toMatchObject({ value: 0x5678, handledBy: 'server:0' });
    expect(only(served, 'io.completed').cause).toBe(only(served, 'ioreq.completed').seq);
    expect(bench.guest.waiting).toEqual({});
  });

  it('goes to the highest id, not to the youngest server', () => {
    const bench = new BenchGuest();
    for (let i = 0; i < 3; i++) bench.server([[0, 0x100, 0x1ff]]);
    bench.read('port', 0x100, 1);
    expect(sentTo(bench)).toBe(2);
    finish(bench);
    bench.dm('destroy_ioreq_server', { id: 0 });
    expect(bench.server([[0, 0x100, 0x1ff]])).toBe(0);
    bench.read('port', 0x100, 1);
    expect(sentTo(bench)).toBe(2);
    finish(bench);
    bench.dm('set_ioreq_server_state', { id: 2, enabled: 0 });
    bench.read('port', 0x100, 1);
    expect(sentTo(bench)).toBe(1);
  });

  it.each([
    ['port: last byte inside', 'port', 0x1fe, 2, 1, false, true],
    ['port: last byte outside', 'port', 0x1fe, 4, 1, false, false],
    ['port: repetitions do not count', 'port', 0x1ff, 1, 100, false, true],
    ['memory: whole span inside', 'mem', 0x8f00, 4, 0x40, false, true],
    ['memory: the span ends at the page', 'mem', 0x8f00, 4, 0x41, false, true],
    ['memory: downwards, inside', 'mem', 0x80fc, 4, 0x40, true, true],
    ['memory: downwards, below the range', 'mem', 0x8004, 4, 3, true, true],
    ['memory: one access across the end', 'mem', 0x8ffe, 4, 1, false, false],
  ] as const)('%s', (_what, space, addr, size, count, df, found) => {
    const bench = new BenchGuest();
    bench.server([
      [0, 0x100, 0x1ff],
      [1, 0x8000, 0x8fff],
    ]);
    bench.read(space, addr, size, { count, df });
    expect(sentTo(bench)).toBe(found ? 0 : undefined);
  });

  it('needs one range for the whole access: two adjacent ones merge, two servers do not help', () => {
    const bench = new BenchGuest();
    bench.server([
      [0, 0x100, 0x101],
      [0, 0x102, 0x103],
    ]);
    bench.server([[0, 0x104, 0x107]]);
    bench.read('port', 0x100, 4);
    expect(sentTo(bench)).toBe(0);
    finish(bench);
    expect(kinds(bench.read('port', 0x102, 4))).toContain('ioreq.unclaimed');
  });

  it('cuts repeated memory accesses at the page', () => {
    const bench = new BenchGuest();
    bench.server([[1, 0x8000, 0xafff]]);
    const sent = (addr: number, count: number, df: boolean) => {
      const events = bench.read('mem', addr, 4, { count, df });
      finish(bench);
      return only(events, 'ioreq.sent').data.count;
    };
    expect([sent(0x8ff0, 9, false), sent(0x9008, 9, true), sent(0x8ffe, 9, false)]).toEqual([4, 3, 1]);
  });

  it('refuses odd sizes', () => {
    const bench = new BenchGuest();
    bench.server([[1, 0, 0xffff]]);
    for (const size of [3, 16]) {
      expect(only(bench.read('mem', 0, size), 'io.completed').data).toMatchObject({
        result: 'unhandleable',
        handledBy: 'nobody',
      });
    }
    expect(only(bench.read('port', 0x60, 8), 'io.completed').data.result).toBe('unhandleable');
  });

  it('lets Xen answer for its own devices, and ends a domain that crosses their end', () => {
    const bench = new BenchGuest();
    bench.server([
      [0, 0, 0xffff],
      [1, 0, 0xffff_ffff],
    ]);
    expect(only(bench.read('port', 0x20, 2), 'io.completed').data).toMatchObject({
      handledBy: 'xen:pic',
      value: null,
    });
    // Four bytes at 0x20 reach beyond the two ports of the interrupt controller.
    expect(kinds(bench.read('port', 0x20, 4))).toContain('ioreq.sent');
    finish(bench);
    expect(only(bench.read('mem', 0xfec0_0010, 4), 'io.completed').data.handledBy).toBe('xen:ioapic');
    expect(only(bench.read('mem', 0xfec0_00fe, 4), 'domain.stopped').data.reason).toBe('crash');
  });
});

describe('CF8 and CFC', () => {
  const withFunction = (): BenchGuest => {
    const bench = new BenchGuest();
    bench.server([[2, 0x0010, 0x0017]]);
    bench.server([[0, 0xcf8, 0xcff]]);
    return bench;
  };

  it('latches a 4-byte write and still sends it on as a port write', () => {
    const bench = withFunction();
    const events = bench.write('port', 0xcf8, 4, 0x8000_1004);
    expect(kinds(events)).toEqual(['io.requested', 'cf8.latched', 'ioreq.sent']);
    expect(only(events, 'ioreq.sent').data).toMatchObject({ type: 'pio', addr: 0xcf8, server: 1 });
  });

  it.each([
    ['one byte', 0xcf8, 1],
    ['two bytes', 0xcf8, 2],
    ['two bytes of the upper half', 0xcfa, 2],
    ['four bytes that leave the window', 0xcfa, 4],
  ])('does not latch %s', (_what, addr, size) => {
    const bench = withFunction();
    latch(bench, 0x8000_1004);
    expect(all(bench.write('port', addr, size, 0xffff_ffff), 'cf8.latched')).toEqual([]);
    expect(bench.guest.cf8).toBe(0x8000_1004);
  });

  it('turns CFC..CFF into requests by SBDF, with the register from latch and port', () => {
    const bench = withFunction();
    latch(bench, 0x8000_1044);
    for (const [port, size, reg] of [
      [0xcfc, 4, 0x44],
      [0xcfd, 1, 0x45],
      [0xcfe, 2, 0x46],
      [0xcff, 1, 0x47],
      [0xcfd, 4, 0x45],
    ] as const) {
      const { data } = only(bench.read('port', port, size), 'ioreq.sent');
      expect(data).toMatchObject({ type: 'pci_config', server: 0, sbdf: 0x10, reg, size });
      expect(data.addr).toBe(0x10 * 2 ** 32 + reg);
      finish(bench);
    }
  });

  it('leaves CFC a plain port while the latch is off', () => {
    const bench = withFunction();
    latch(bench, 0x0000_1044);
    expect(only(bench.read('port', 0xcfc, 4), 'ioreq.sent').data).toMatchObject({ type: 'pio', server: 1 });
  });

  it('does not fall back to a port range when nobody has the function', () => {
    const bench = withFunction();
    latch(bench, 0x8000_0004);
    const events = bench.read('port', 0xcfc, 4);
    expect(only(events, 'ioreq.unclaimed').data).toMatchObject({ type: 'pci', sbdf: 0, reg: 4 });
    expect(only(events, 'io.completed').data.value).toBe(0xffff_ffff);
  });

  it('has one latch per domain, so virtual CPUs overwrite each other', () => {
    const bench = withFunction();
    latch(bench, 0x8000_1004);
    bench.write('port', 0xcf8, 4, 0x8000_0000, { vcpu: 1 });
    expect(only(bench.read('port', 0xcfc, 4), 'ioreq.unclaimed').data.sbdf).toBe(0);
  });

  it.each([
    ['AMD family 10h, host bit set', 'amd', 0x10, true, 0x304],
    ['AMD family 16h', 'amd', 0x16, true, 0x304],
    ['AMD family 17h', 'amd', 0x17, true, 0x04],
    ['AMD family 0Fh', 'amd', 0x0f, true, 0x04],
    ['host bit clear', 'amd', 0x10, false, 0x04],
    ['Hygon', 'hygon', 0x10, true, 0x04],
    ['Intel', 'intel', 0x10, true, 0x04],
  ] as const)('extended register bits: %s', (_what, cpuVendor, cpuFamily, hostCf8Ext, reg) => {
    const bench = new BenchGuest('hvm', { cpuVendor, cpuFamily, hostCf8Ext });
    bench.server([[2, 0x10, 0x10]]);
    latch(bench, 0x8300_1004);
    expect(only(bench.read('port', 0xcfc, 4), 'ioreq.sent').data.reg).toBe(reg);
  });

  it('never makes an ECAM access a configuration request', () => {
    const bench = withFunction();
    const mmio = bench.server([[1, 0xe000_0000, 0xefff_ffff]]);
    const { data } = only(bench.read('mem', 0xe000_0000 + (0x10 << 12) + 4, 4), 'ioreq.sent');
    expect(data).toMatchObject({ type: 'copy', server: mmio, sbdf: null, addr: 0xe001_0004 });
  });
});

describe('ARM', () => {
  it('sends memory accesses only, and never PCI', () => {
    const bench = new BenchGuest('arm');
    bench.server([
      [1, 0x1000_0000, 0x1fff_ffff],
      [0, 0, 0xffff],
    ]);
    expect(only(bench.read('mem', 0x1000_0004, 4), 'ioreq.sent').data).toMatchObject({
      type: 'copy',
      count: 1,
    });
    expect(only(bench.read('port', 0xcfc, 4, { vcpu: 1 }), 'io.completed').data.result).toBe('unhandleable');
  });

  it.each([
    [false, 'done', 0xff],
    [true, 'abort', null],
  ])('an unclaimed access, trap-unmapped %s: %s', (trapUnmapped, result, value) => {
    const bench = new BenchGuest('arm', { trapUnmapped });
    expect(only(bench.read('mem', 0x1000_0004, 1), 'io.completed').data).toMatchObject({ result, value });
  });
});

describe('the state of a request', () => {
  const reading = (): BenchGuest => {
    const bench = new BenchGuest();
    bench.server([[1, 0xf000_0000, 0xf000_0fff]]);
    bench.read('mem', 0xf000_0000, 4);
    return bench;
  };

  it('may be claimed before it is answered', () => {
    const bench = reading();
    expect(kinds(bench.serve(0, 0, { state: 2 }))).toEqual(['ioreq.served', 'ioreq.claimed']);
    expect(only(bench.serve(0, 9), 'io.completed').data.value).toBe(9);
  });

  it('reads all ones when the slot went empty', () => {
    const bench = reading();
    const events = bench.serve(0, 9, { state: 0 });
    expect(only(events, 'ioreq.completed').data.how).toBe('vanished');
    expect(only(events, 'io.completed').data.value).toBe(0xffff_ffff);
  });

  it('goes on waiting after a notification that changed nothing', () => {
    const bench = reading();
    expect(kinds(bench.serve(0, 9, { state: 1 }))).toEqual(['ioreq.served', 'ioreq.ignored']);
    expect(only(bench.serve(0, 5), 'io.completed').data.value).toBe(5);
  });

  it('crashes the domain on a step back and on an unknown state', () => {
    const back = reading();
    back.serve(0, 0, { state: 2 });
    expect(only(back.serve(0, 0, { state: 1 }), 'domain.stopped').data).toMatchObject({
      reason: 'crash',
      why: 'Weird HVM ioreq state transition 2 -> 1',
    });
    const unknown = reading();
    expect(only(unknown.serve(0, 0, { state: 4 }), 'domain.stopped').data.why).toBe(
      'Weird HVM iorequest state 4',
    );
    expect(unknown.guest.waiting).toEqual({});
    expect(only(unknown.serve(0, 1), 'ioreq.ignored').data.reason).toBe('the domain has crashed');
  });

  it.each([
    ['state', { state: 3 }, 'device model set bad IO state 3'],
    ['event channel', { state: 0, eport: 99 }, 'device model set bad event channel 99'],
  ])('is not sent over a scribbled %s; a port access then ends the domain', (_what, extra, reason) => {
    const bench = new BenchGuest();
    bench.server([
      [1, 0xf000_0000, 0xf000_0fff],
      [0, 0x100, 0x1ff],
    ]);
    bench.serve(0, 0, extra);
    const memory = bench.read('mem', 0xf000_0000, 4);
    expect(only(memory, 'ioreq.unsent').data.reason).toBe(reason);
    expect(only(memory, 'io.completed').data).toMatchObject({ result: 'unhandleable', value: 0xffff_ffff });
    expect(kinds(bench.read('port', 0x100, 1))).toEqual([
      'io.requested',
      'ioreq.unsent',
      'io.completed',
      'domain.stopped',
    ]);
  });

  it('is retried and not sent while the domain shuts down', () => {
    const bench = new BenchGuest();
    bench.server([[0, 0x100, 0x1ff]]);
    bench.dm('remote_shutdown', { reason: 2 });
    const events = bench.read('port', 0x100, 1);
    expect(kinds(events)).toEqual(['io.requested', 'io.completed']);
    expect(only(events, 'io.completed').data.result).toBe('retry');
    expect(bench.guest.servers[0]!.slots[0]!.state).toBe(0);
  });

  it('finishes when the domain was told to shut down while it was under way', () => {
    const bench = reading();
    bench.dm('remote_shutdown', { reason: 2 });
    expect(only(bench.serve(0, 3), 'io.completed').data.value).toBe(3);
  });

  it('survives the removal of its range', () => {
    const bench = reading();
    const range = { id: 0, type: 1, start: 0xf000_0000, end: 0xf000_0fff };
    expect(bench.dm('unmap_io_range_from_ioreq_server', range)).toBe(0);
    expect(only(bench.serve(0, 3), 'io.completed').data.value).toBe(3);
    expect(kinds(bench.read('mem', 0xf000_0000, 4))).toContain('ioreq.unclaimed');
  });

  it('hangs its virtual CPU when the server is destroyed, until another server of it wakes it', () => {
    const bench = reading();
    bench.server([[0, 0x100, 0x1ff]]);
    const events = bench.events.length;
    expect(bench.dm('destroy_ioreq_server', { id: 0 })).toBe(0);
    expect(kinds(bench.events.slice(events))).toEqual([
      'hypercall.issued',
      'server.disabled',
      'evtchn.closed',
      'evtchn.closed',
      'server.destroyed',
      'ioreq.orphaned',
      'hypercall.returned',
    ]);
    expect(only(bench.serve(0, 3), 'ioreq.ignored').data.reason).toContain('no such server');
    expect(only(bench.read('mem', 0, 1), 'io.completed').data.result).toBe('blocked');
    // What Xen holds is what it sent: a read carries 0.
    expect(only(bench.serve(1, 7, { state: 0 }), 'io.completed').data).toMatchObject({
      value: 0,
      handledBy: 'nobody',
    });
  });

  it('is cleared with the page when a server with guest frames is disabled, not with an acquired page', () => {
    const bench = new BenchGuest();
    bench.hypercall('hvm_op', 'set_param', { domid: GUEST, index: 5, value: 0x200 });
    bench.dm('create_ioreq_server');
    bench.dm('get_ioreq_server_info', { id: 0 });
    bench.dm('map_io_range_to_ioreq_server', { id: 0, type: 1, start: 0, end: 0xfff });
    bench.dm('set_ioreq_server_state', { id: 0, enabled: 1 });
    bench.read('mem', 0, 4);
    bench.dm('set_ioreq_server_state', { id: 0, enabled: 0 });
    expect(bench.guest.servers[0]!.slots[0]).toMatchObject({ state: 0, eport: 0, pending: true });
    const acquired = reading();
    acquired.dm('set_ioreq_server_state', { id: 0, enabled: 0 });
    expect(acquired.guest.servers[0]!.slots[0]!.state).toBe(1);
    expect(only(acquired.serve(0, 3), 'io.completed').data.value).toBe(3);
  });

  it('cannot be sent to a server whose page came after it was enabled', () => {
    const bench = new BenchGuest();
    bench.dm('create_ioreq_server');
    bench.dm('map_io_range_to_ioreq_server', { id: 0, type: 1, start: 0, end: 0xfff });
    bench.dm('set_ioreq_server_state', { id: 0, enabled: 1 });
    const frame = { domid: GUEST, type: 0, id: 0, frame: 1, nr_frames: 1, frame_list: 1 };
    expect(bench.hypercall('memory_op', 'acquire_resource', frame).ret).toBe(0);
    expect(only(bench.read('mem', 0, 4), 'ioreq.unsent').data.reason).toBe(
      'device model set bad event channel 0',
    );
  });

  it('stops Xen itself when the server was enabled without a page', () => {
    const bench = new BenchGuest();
    bench.dm('create_ioreq_server');
    bench.dm('map_io_range_to_ioreq_server', { id: 0, type: 1, start: 0, end: 0xfff });
    bench.dm('set_ioreq_server_state', { id: 0, enabled: 1 });
    expect(kinds(bench.read('mem', 0, 4))).toContain('xen.panicked');
  });
});

describe('the buffered ring', () => {
  const vga = (bufioreq: number): BenchGuest => {
    const bench = new BenchGuest();
    bench.server([[1, 0xa_0000, 0xb_ffff]], { bufioreq });
    return bench;
  };
  const ring = (bench: BenchGuest) => bench.guest.servers[0]!.ring;
  const drain = (bench: BenchGuest, taken: number) =>
    bench.step({ kind: 'ioreq.drained', by: 'dm:0', data: { domid: GUEST, server: 0, taken } });

  it('takes single writes into the VGA window without blocking', () => {
    const bench = vga(1);
    const events = bench.write('mem', 0xb_8000, 2, 0x0741);
    expect(kinds(events)).toEqual(['io.requested', 'ioreq.sent', 'io.completed']);
    expect(only(events, 'ioreq.sent').data).toMatchObject({ buffered: true, slot: 0 });
    expect(ring(bench)).toMatchObject({ read: 0, write: 1 });
    expect(ring(bench).slots[0]).toEqual({ type: 1, dir: 0, sizeLog2: 1, addr: 0xb_8000, data: 0x741 });
  });

  it.each([
    ['reads', () => ['read', 0xb_8000, {}] as const],
    ['repeated writes', () => ['write', 0xb_8000, { count: 2 }] as const],
    ['writes from guest memory', () => ['write', 0xb_8000, { dataIsPtr: true }] as const],
  ])('lets %s take the slow path', (_what, make) => {
    const [dir, addr, extra] = make();
    const bench = vga(1);
    const events =
      dir === 'read' ? bench.read('mem', addr, 4, extra) : bench.write('mem', addr, 4, 0x1000, extra);
    expect(only(events, 'ioreq.sent').data.buffered).toBe(false);
  });

  it('is skipped by a server without one', () => {
    expect(only(vga(0).write('mem', 0xa_0000, 1, 1), 'ioreq.sent').data.buffered).toBe(false);
  });

  it('gives 8-byte writes two slots and is full one slot earlier for them', () => {
    const bench = vga(1);
    bench.write('mem', 0xa_0000, 8, 0x1111_1111, { valueHigh: 0x2222_2222 });
    expect(ring(bench).write).toBe(2);
    expect([ring(bench).slots[0]!.data, ring(bench).slots[1]!.data]).toEqual([0x1111_1111, 0x2222_2222]);
    for (let i = 0; i < 508; i++) bench.write('mem', 0xa_0000, 1, i & 0xff);
    expect(ring(bench).write).toBe(510);
    expect(only(bench.write('mem', 0xa_0000, 8, 1, { valueHigh: 0 }), 'ioreq.sent').data.buffered).toBe(
      false,
    );
    bench.serve(0, 0);
    expect(only(bench.write('mem', 0xa_0000, 1, 1), 'ioreq.sent').data.buffered).toBe(true);
    expect(only(bench.write('mem', 0xa_0000, 1, 1), 'ioreq.sent').data.buffered).toBe(false);
    bench.serve(0, 0);
    drain(bench, 1);
    expect(only(bench.write('mem', 0xa_0000, 1, 1), 'ioreq.sent').data).toMatchObject({
      buffered: true,
      slot: 511,
    });
  });

  it.each([
    ['legacy: both indexes grow freely', 1, 512, 511],
    ['atomic: both are brought back below 511', 2, 1, 0],
  ])('%s', (_what, bufioreq, write, read) => {
    const bench = vga(bufioreq);
    for (let i = 0; i < 511; i++) bench.write('mem', 0xa_0000, 1, 1);
    drain(bench, 511);
    bench.write('mem', 0xa_0000, 1, 2);
    expect(ring(bench)).toMatchObject({ read, write });
  });

  it('goes on over the wrap of its 32-bit indexes', () => {
    const bench = vga(1);
    drain(bench, 0xffff_ffff);
    ring(bench).write = 0xffff_ffff;
    bench.write('mem', 0xa_0000, 1, 2);
    expect(ring(bench).write).toBe(0);
    expect(only(bench.write('mem', 0xa_0000, 1, 3), 'ioreq.sent').data.buffered).toBe(true);
  });
});

describe('broadcasts', () => {
  const broadcast = (bench: BenchGuest, type: 'timeoffset' | 'invalidate') =>
    bench.step({
      kind: 'broadcast.requested',
      by: 'xen',
      data: { domid: GUEST, vcpu: 0, type, data: 5, dataHigh: 6 },
    });

  it('tell the moved clock to every enabled server with a ring, highest id first', () => {
    const bench = new BenchGuest();
    bench.server([], { bufioreq: 2 });
    bench.server([]);
    bench.server([], { bufioreq: 1 });
    bench.dm('create_ioreq_server', { handle_bufioreq: 1 });
    const sent = all(broadcast(bench, 'timeoffset'), 'ioreq.sent').map(({ data }) => [
      data.server,
      data.size,
    ]);
    expect(sent).toEqual([
      [2, 8],
      [0, 8],
    ]);
    expect(bench.guest.servers[0]!.ring.write).toBe(2);
  });

  it('wait for every server to drop its mappings', () => {
    const bench = new BenchGuest();
    bench.server([]);
    bench.server([[0, 0x100, 0x1ff]]);
    expect(all(broadcast(bench, 'invalidate'), 'ioreq.sent').map(({ data }) => data.server)).toEqual([1, 0]);
    bench.serve(0, 0);
    expect(only(bench.read('port', 0x100, 1), 'io.completed').data.result).toBe('blocked');
    bench.serve(1, 0);
    expect(bench.guest.waiting).toEqual({});
    expect(kinds(bench.read('port', 0x100, 1))).toContain('ioreq.sent');
  });
});

describe('frames of type ioreq_server', () => {
  it('send writes to their server, read RAM, and retry without one', () => {
    const bench = new BenchGuest();
    bench.server([]);
    bench.dm('map_mem_type_to_ioreq_server', { id: 0, type: 4, flags: 2 });
    bench.dm('set_mem_type', { nr: 2, first_pfn: 8, mem_type: 4 });
    expect(only(bench.read('mem', 0x8000, 4), 'io.completed').data).toMatchObject({
      handledBy: 'ram',
      value: null,
    });
    expect(only(bench.write('mem', 0x9ffc, 4, 1), 'ioreq.sent').data.server).toBe(0);
    bench.serve(0, 0);
    expect(bench.dm('destroy_ioreq_server', { id: 0 })).toBe(0);
    expect(only(bench.write('mem', 0x9ffc, 4, 1), 'io.completed').data.result).toBe('retry');
    expect(bench.dm('set_mem_type', { nr: 1, first_pfn: 8, mem_type: 4 })).toBe(-errno.EINVAL);
  });
});
