import { describe, expect, it } from 'vitest';
import type { DomainId } from '../../../../src/base/brand.js';
import { errno, errnoName } from '../../../../src/base/errno.js';
import type { XenRelease } from '../../../../src/policy/releases.js';
import { BenchGuest, DOM0, GUEST, only, STUBDOM } from './bench-guest.js';

type Row = readonly [
  what: string,
  op: string,
  args: Record<string, unknown>,
  expected: keyof typeof errno | 'ok',
  before?: ((bench: BenchGuest) => void) | undefined,
  on?: ConstructorParameters<typeof BenchGuest>,
];

const created = (bench: BenchGuest): void => void bench.dm('create_ioreq_server');
const ranged = (bench: BenchGuest): void => void bench.server([[0, 0x100, 0x1ff]]);
const arm: ConstructorParameters<typeof BenchGuest> = ['arm'];
const noHap: ConstructorParameters<typeof BenchGuest> = ['hvm', { hap: false }];
const port = (start: number, end: number) => ({ id: 0, type: 0, start, end });

/** Every row of the errno table of the device-model operations: facts/xen 4.1, 4.2, 4.3. */
const rows: readonly Row[] = [
  ['no buffer', 'nr_vcpus', { nr_bufs: 0 }, 'ENODATA'],
  ['three buffers', 'nr_vcpus', { nr_bufs: 3 }, 'E2BIG'],
  ['unreadable buffer list', 'nr_vcpus', { bufs_fault: true }, 'EFAULT'],
  ['unknown domain', 'nr_vcpus', { domid: 99 }, 'ESRCH'],
  ['DOMID_SELF', 'nr_vcpus', { domid: 0x7ff0 }, 'ESRCH'],
  ['own id', 'nr_vcpus', { domid: DOM0 }, 'EPERM'],
  ['a PV guest', 'nr_vcpus', {}, 'EINVAL', undefined, ['pv']],
  ['buffer below the header', 'nr_vcpus', { buf_sizes: [7] }, 'EFAULT'],
  ['buffer below the structure', 'nr_vcpus', { buf_sizes: [11] }, 'EFAULT'],
  ['buffer of just the structure', 'nr_vcpus', { buf_sizes: [12] }, 'ok'],
  ['number behind the table', '#21', { buf_sizes: [8] }, 'EOPNOTSUPP'],
  ['number behind the table with padding', '#21', { buf_sizes: [8], header_pad: 1 }, 'EOPNOTSUPP'],
  ['number 0', '#0', { buf_sizes: [8] }, 'EOPNOTSUPP'],
  ['number 0 with padding', '#0', { buf_sizes: [8], header_pad: 1 }, 'EINVAL'],
  ['padding in the header', 'nr_vcpus', { header_pad: 1 }, 'EINVAL'],
  ['an ARM operation on x86', 'set_irq_level', { irq: 40, level: 1 }, 'EOPNOTSUPP'],
  ['an x86 operation on ARM', 'inject_msi', { data: 0x30 }, 'EOPNOTSUPP', undefined, arm],

  ['create: padding', 'create_ioreq_server', { pad: [0, 1, 0] }, 'EINVAL'],
  ['create: unknown ring mode', 'create_ioreq_server', { handle_bufioreq: 3 }, 'EINVAL'],
  ['create: a ring on ARM', 'create_ioreq_server', { handle_bufioreq: 1 }, 'EINVAL', undefined, arm],
  [
    'create: the ninth',
    'create_ioreq_server',
    {},
    'ENOSPC',
    (bench) => {
      for (let i = 0; i < 8; i++) created(bench);
    },
  ],

  ['info: unknown flag', 'get_ioreq_server_info', { id: 0, flags: 2 }, 'EINVAL', created],
  ['info: unknown id', 'get_ioreq_server_info', { id: 1, flags: 1 }, 'ENOENT', created],
  ['info: without frames', 'get_ioreq_server_info', { id: 0, flags: 1 }, 'ok', created],
  ['info: frames on ARM', 'get_ioreq_server_info', { id: 0 }, 'EOPNOTSUPP', created, arm],
  ['info: page acquired before', 'get_ioreq_server_info', { id: 0 }, 'EPERM', ranged],
  ['info: no frame left', 'get_ioreq_server_info', { id: 0 }, 'ENOMEM', created],
  [
    'info: dying domain',
    'get_ioreq_server_info',
    { id: 0 },
    'EINVAL',
    (bench) => {
      created(bench);
      bench.step({ kind: 'domain.dying', by: 'xen', data: { domid: GUEST } });
    },
  ],

  ['map: padding', 'map_io_range_to_ioreq_server', { ...port(0, 1), pad: 1 }, 'EINVAL', created],
  ['map: start above end', 'map_io_range_to_ioreq_server', port(2, 1), 'EINVAL', created],
  [
    'map: start above end beyond 2^53',
    'map_io_range_to_ioreq_server',
    { id: 0, type: 1, start: '0xffffffffffffffff', end: '0xfffffffffffffffe' },
    'EINVAL',
    created,
  ],
  ['map: unknown id', 'map_io_range_to_ioreq_server', { ...port(0, 1), id: 8 }, 'ENOENT', created],
  ['map: unknown type', 'map_io_range_to_ioreq_server', { ...port(0, 1), type: 3 }, 'EINVAL', created],
  [
    'map: unknown id before unknown type',
    'map_io_range_to_ioreq_server',
    { id: 3, type: 3 },
    'ENOENT',
    created,
  ],
  ['map: overlap', 'map_io_range_to_ioreq_server', port(0x1ff, 0x200), 'EEXIST', ranged],
  ['map: right behind', 'map_io_range_to_ioreq_server', port(0x200, 0x200), 'ok', ranged],
  [
    'map: same numbers, other type',
    'map_io_range_to_ioreq_server',
    { ...port(0x100, 0x1ff), type: 1 },
    'ok',
    ranged,
  ],

  ['unmap: padding', 'unmap_io_range_from_ioreq_server', { ...port(0x100, 0x1ff), pad: 1 }, 'EINVAL', ranged],
  ['unmap: start above end', 'unmap_io_range_from_ioreq_server', port(2, 1), 'EINVAL', ranged],
  ['unmap: unknown id', 'unmap_io_range_from_ioreq_server', { ...port(0, 1), id: 2 }, 'ENOENT', ranged],
  ['unmap: unknown type', 'unmap_io_range_from_ioreq_server', { ...port(0, 1), type: 9 }, 'EINVAL', ranged],
  ['unmap: not wholly there', 'unmap_io_range_from_ioreq_server', port(0x1f0, 0x200), 'ENOENT', ranged],
  ['unmap: a part', 'unmap_io_range_from_ioreq_server', port(0x110, 0x11f), 'ok', ranged],

  ['state: padding', 'set_ioreq_server_state', { id: 0, pad: 1 }, 'EINVAL', created],
  ['state: unknown id', 'set_ioreq_server_state', { id: 4 }, 'ENOENT', created],
  ['destroy: padding', 'destroy_ioreq_server', { id: 0, pad: 1 }, 'EINVAL', created],
  ['destroy: unknown id', 'destroy_ioreq_server', { id: 4 }, 'ENOENT', created],

  ['vram: padding', 'track_dirty_vram', { nr_bufs: 2, pad: 1 }, 'EINVAL'],
  ['vram: one buffer', 'track_dirty_vram', { nr: 8 }, 'EINVAL'],
  ['vram: above 1 GiB', 'track_dirty_vram', { nr_bufs: 2, nr: 0x40001 }, 'EINVAL'],
  ['vram: bitmap too short', 'track_dirty_vram', { nr_bufs: 2, nr: 9, buf_sizes: [32, 1] }, 'EINVAL'],
  ['vram: bitmap fits', 'track_dirty_vram', { nr_bufs: 2, nr: 9, buf_sizes: [32, 2] }, 'ok'],

  ['intx: segment', 'set_pci_intx_level', { domain: 1 }, 'EINVAL'],
  ['intx: bus', 'set_pci_intx_level', { bus: 1 }, 'EINVAL'],
  ['intx: device', 'set_pci_intx_level', { device: 32 }, 'EINVAL'],
  ['intx: pin', 'set_pci_intx_level', { intx: 4 }, 'EINVAL'],
  ['intx: level', 'set_pci_intx_level', { level: 2 }, 'EINVAL'],
  ['intx: good', 'set_pci_intx_level', { device: 5, intx: 0, level: 1 }, 'ok'],
  ['isa: irq', 'set_isa_irq_level', { isa_irq: 16 }, 'EINVAL'],
  ['isa: level', 'set_isa_irq_level', { isa_irq: 4, level: 2 }, 'EINVAL'],
  ['link: number', 'set_pci_link_route', { link: 4 }, 'EINVAL'],
  ['link: irq', 'set_pci_link_route', { link: 0, isa_irq: 16 }, 'EINVAL'],

  ['modified memory: one buffer', 'modified_memory', { nr_extents: 1 }, 'EINVAL'],
  ['modified memory: two', 'modified_memory', { nr_bufs: 2 }, 'ok'],

  ['mem type: padding', 'set_mem_type', { nr: 1, pad: 1 }, 'EINVAL'],
  ['mem type: no frame', 'set_mem_type', { nr: 0, first_pfn: 5 }, 'EINVAL'],
  ['mem type: behind the last frame', 'set_mem_type', { nr: 2, first_pfn: 0xfffff }, 'EINVAL'],
  ['mem type: unused type', 'set_mem_type', { nr: 1, mem_type: 3 }, 'EINVAL'],
  ['mem type: unknown type', 'set_mem_type', { nr: 1, mem_type: 5 }, 'EINVAL'],
  [
    'mem type: ioreq_server without HAP',
    'set_mem_type',
    { nr: 1, mem_type: 4 },
    'EOPNOTSUPP',
    undefined,
    noHap,
  ],
  ['mem type: ioreq_server without a server', 'set_mem_type', { nr: 1, mem_type: 4 }, 'EINVAL'],
  ['mem type: read-only', 'set_mem_type', { nr: 4, first_pfn: 8, mem_type: 1 }, 'ok'],

  ['event: unknown vCPU', 'inject_event', { vcpuid: 2 }, 'EINVAL'],
  ['event: padding', 'inject_event', { pad0: 1 }, 'EINVAL'],
  ['event: padding behind the error code', 'inject_event', { pad1: 1 }, 'EINVAL'],
  [
    'event: one pending',
    'inject_event',
    { vector: 3 },
    'EBUSY',
    (bench) => void bench.dm('inject_event', {}),
  ],

  ['msi: padding', 'inject_msi', { pad: 1 }, 'EINVAL'],
  ['msi: delivery mode', 'inject_msi', { data: 0x230 }, 'EINVAL'],
  ['msi: vector 0, pirq 0', 'inject_msi', { data: 0, addr: 0xfee00000 }, 'ERANGE'],
  ['msi: vector 0, pirq 7', 'inject_msi', { data: 0, addr: 0xfee07000 }, 'ok'],
  [
    'msi: vector 0, a pirq of another kind',
    'inject_msi',
    { data: 0, addr: 0xfee07000 },
    'EINVAL',
    (bench) => {
      const irqs = bench.engine.state.irq.domains;
      irqs[GUEST] = { pirqs: { 7: { irq: 0, emuirq: 33 } } } as never;
    },
  ],
  ['msi: vector 0, a pirq behind the last', 'inject_msi', { data: 0, addr: '0xfffff000fee07000' }, 'EINVAL'],
  ['msi: lowest priority to nobody', 'inject_msi', { data: 0x130, addr: 0xfee40000 }, 'ESRCH'],
  ['msi: fixed to nobody', 'inject_msi', { data: 0x30, addr: 0xfee40000 }, 'ok'],

  [
    'type map: no HAP',
    'map_mem_type_to_ioreq_server',
    { id: 0, type: 4, flags: 2 },
    'EOPNOTSUPP',
    created,
    noHap,
  ],
  ['type map: other type', 'map_mem_type_to_ioreq_server', { id: 0, type: 0, flags: 2 }, 'EINVAL', created],
  ['type map: reads', 'map_mem_type_to_ioreq_server', { id: 0, type: 4, flags: 3 }, 'EINVAL', created],
  ['type map: unknown id', 'map_mem_type_to_ioreq_server', { id: 1, type: 4, flags: 2 }, 'ENOENT', created],
  [
    'type unmap: not the holder',
    'map_mem_type_to_ioreq_server',
    { id: 0, type: 4, flags: 0 },
    'EINVAL',
    created,
  ],
  [
    'type map: taken',
    'map_mem_type_to_ioreq_server',
    { id: 1, type: 4, flags: 2 },
    'EBUSY',
    (bench) => {
      created(bench);
      created(bench);
      bench.dm('map_mem_type_to_ioreq_server', { id: 0, type: 4, flags: 2 });
    },
  ],

  ['relocate: padding', 'relocate_memory', { pad: 1 }, 'EINVAL'],
  ['pin: padding', 'pin_memory_cacheattr', { pad: 1 }, 'EINVAL'],
  ['pin: start above end', 'pin_memory_cacheattr', { start: 2, end: 1 }, 'EINVAL'],
  ['pin: above physical memory', 'pin_memory_cacheattr', { end: '0x10000000000000' }, 'EINVAL'],
  ['pin: unknown type', 'pin_memory_cacheattr', { type: 2 }, 'EINVAL'],
  ['pin: delete nothing', 'pin_memory_cacheattr', { type: 0xffffffff }, 'ENOENT'],
  [
    'pin: uncached without IOMMU',
    'pin_memory_cacheattr',
    { type: 0 },
    'EPERM',
    undefined,
    ['hvm', {}, { iommu: 'off' }],
  ],
  [
    'pin: overlap',
    'pin_memory_cacheattr',
    { start: 3, end: 9, type: 6 },
    'EBUSY',
    (bench) => void bench.dm('pin_memory_cacheattr', { start: 0, end: 3, type: 6 }),
  ],
  [
    'pin: the 65th',
    'pin_memory_cacheattr',
    { start: 1000, end: 1000, type: 6 },
    'ENOSPC',
    (bench) => {
      for (let i = 0; i < 64; i++) bench.dm('pin_memory_cacheattr', { start: i, end: i, type: 6 });
    },
  ],

  ['irq: a private one', 'set_irq_level', { irq: 31, level: 1 }, 'EINVAL', undefined, arm],
  ['irq: behind the last', 'set_irq_level', { irq: 1020, level: 1 }, 'EINVAL', undefined, arm],
  ['irq: level', 'set_irq_level', { irq: 40, level: 2 }, 'EINVAL', undefined, arm],
  ['irq: padding', 'set_irq_level', { irq: 40, level: 1, pad: [0, 0, 1] }, 'EINVAL', undefined, arm],
  ['irq: good', 'set_irq_level', { irq: 40, level: 1 }, 'ok', undefined, arm],
];

describe('dm_op errors', () => {
  it.each(rows.map((row) => [row[0], row] as const))('%s', (_what, row) => {
    const [, op, args, expected, before, on = []] = row;
    const bench = new BenchGuest(...on);
    before?.(bench);
    const state = JSON.stringify(bench.engine.state.ioreq);
    const ret = bench.dm(op, args as never);
    expect(errnoName(ret)).toBe(expected === 'ok' ? '0' : `-${expected}`);
    if (expected !== 'ok') expect(JSON.stringify(bench.engine.state.ioreq)).toBe(state);
  });

  it('-EPERM for a caller that is neither control domain nor the device model', () => {
    const bench = new BenchGuest();
    bench.create(7 as DomainId, 'pv');
    expect(bench.dm('nr_vcpus', {}, 7 as DomainId)).toBe(-errno.EPERM);
    expect(bench.dm('nr_vcpus', {}, STUBDOM)).toBe(0);
  });

  it.each([
    ['get_ioreq_server_info', { flags: 1 }],
    ['map_io_range_to_ioreq_server', port(0, 1)],
    ['unmap_io_range_from_ioreq_server', port(0x100, 0x1ff)],
    ['set_ioreq_server_state', { enabled: 0 }],
    ['destroy_ioreq_server', {}],
    ['map_mem_type_to_ioreq_server', { type: 4, flags: 2 }],
  ])('%s: -EPERM for another domain than the creator, privileged or not', (op, args) => {
    const bench = new BenchGuest();
    bench.server([[0, 0x100, 0x1ff]], { domid: STUBDOM });
    const state = JSON.stringify(bench.engine.state.ioreq);
    expect(bench.dm(op, { id: 0, ...args }, DOM0)).toBe(-errno.EPERM);
    expect(JSON.stringify(bench.engine.state.ioreq)).toBe(state);
  });

  it('refuses the 257th stored range of a type, but not one that merges with the range before it', () => {
    const bench = new BenchGuest();
    const id = bench.server(Array.from({ length: 256 }, (_, i) => [0, 4 * i + 2, 4 * i + 2] as const));
    const map = (start: number, type = 0) =>
      bench.dm('map_io_range_to_ioreq_server', { id, type, start, end: start });
    expect(bench.guest.servers[id]!.ranges[0].starts).toHaveLength(256);
    expect(map(0x2000)).toBe(-errno.ENOMEM);
    // It would merge with the range behind it, yet takes an element first.
    expect(map(1)).toBe(-errno.ENOMEM);
    expect(map(0x2000, 1)).toBe(0);
    expect(map(3)).toBe(0);
    expect(bench.guest.servers[id]!.ranges[0].starts).toHaveLength(256);
  });

  it('refuses to cut a hole into a full set of ranges', () => {
    const bench = new BenchGuest();
    const id = bench.server([
      ...Array.from({ length: 255 }, (_, i) => [0, 4 * i, 4 * i] as const),
      [0, 0x8000, 0x80ff],
    ]);
    const unmap = (start: number, end: number) =>
      bench.dm('unmap_io_range_from_ioreq_server', { id, type: 0, start, end });
    expect(unmap(0x8010, 0x8010)).toBe(-errno.ENOMEM);
    expect(unmap(0x8000, 0x8000)).toBe(0);
  });

  it('changes frame types up to the first that may not change', () => {
    const bench = new BenchGuest();
    created(bench);
    bench.dm('map_mem_type_to_ioreq_server', { id: 0, type: 4, flags: 2 });
    expect(bench.dm('set_mem_type', { nr: 1, first_pfn: 12, mem_type: 2 })).toBe(0);
    expect(bench.dm('set_mem_type', { nr: 8, first_pfn: 8, mem_type: 4 })).toBe(-errno.EINVAL);
    expect(bench.guest.memTypes.ioreq_server).toEqual({ starts: [8], ends: [11] });
    expect(bench.dm('map_mem_type_to_ioreq_server', { id: 0, type: 4, flags: 0 })).toBe(0);
    expect(bench.guest.memTypes.ioreq_server.starts).toEqual([]);
    expect(bench.guest.memServer).toBeNull();
  });

  it('reports the virtual CPUs, and takes an event again once the virtual CPU ran', () => {
    const bench = new BenchGuest();
    expect(bench.hypercall('dm_op', 'nr_vcpus', { domid: GUEST }).out).toEqual({ vcpus: 2 });
    expect([bench.dm('inject_event'), bench.dm('inject_event')]).toEqual([0, -errno.EBUSY]);
    bench.read('port', 0x64, 1);
    expect(bench.dm('inject_event')).toBe(0);
  });

  it('routes INTA of slot 5 to guest GSI 36', () => {
    const bench = new BenchGuest();
    bench.dm('set_pci_intx_level', { device: 5, intx: 0, level: 1 });
    expect(only(bench.events, 'line.changed').data).toMatchObject({
      line: 'intx',
      index: 20,
      gsi: 36,
      level: true,
    });
  });
});

describe('event channels of a server', () => {
  const evtchn = (bench: BenchGuest, op: string, args: Record<string, number>, domid = DOM0) =>
    bench.hypercall('event_channel_op', op, args, domid);

  it('take the lowest free ports: one for each virtual CPU, the ring behind the first', () => {
    const bench = new BenchGuest();
    evtchn(bench, 'alloc_unbound', { dom: GUEST, remote_dom: 0 });
    bench.dm('create_ioreq_server', { handle_bufioreq: 1 });
    expect(bench.guest.servers[0]).toMatchObject({ ports: { 0: 2, 1: 4 }, bufioreqPort: 3 });
    const info = bench.hypercall('dm_op', 'get_ioreq_server_info', { domid: GUEST, id: 0, flags: 1 });
    expect(info.out).toEqual({ bufioreq_port: 3 });
  });

  it('can be bound by the device model, and are left unbound when the server goes', () => {
    const bench = new BenchGuest();
    created(bench);
    const bound = evtchn(bench, 'bind_interdomain', { remote_dom: GUEST, remote_port: 2 });
    expect(bound).toMatchObject({ ret: 0, out: { local_port: 1 } });
    expect(bench.engine.state.evtchn[GUEST]!.ports[2]).toMatchObject({ state: 'interdomain', vcpu: 1 });
    bench.dm('destroy_ioreq_server', { id: 0 });
    expect(bench.engine.state.evtchn[GUEST]!.ports).toEqual({});
    expect(bench.engine.state.evtchn[DOM0]!.ports[1]).toMatchObject({ state: 'unbound', remote: GUEST });
  });

  it.each(['close', 'send', 'bind_vcpu'])('are out of reach of the guest: %s', (op) => {
    const bench = new BenchGuest();
    created(bench);
    expect(evtchn(bench, op, { port: 1, vcpu: 0 }, GUEST).ret).toBe(-errno.EINVAL);
  });
});

describe('acquire_resource', () => {
  const acquire = (bench: BenchGuest, args: Record<string, unknown>, domid = DOM0) =>
    bench.hypercall(
      'memory_op',
      'acquire_resource',
      { domid: GUEST, type: 0, id: 0, ...args } as never,
      domid,
    );

  it.each([
    ['padding', { pad: 1, frame_list: 1, nr_frames: 1 }, 'EINVAL'],
    ['a frame behind 32 bits', { frame: '0x100000000', frame_list: 1, nr_frames: 1 }, 'EINVAL'],
    ['unknown domain', { domid: 77 }, 'ESRCH'],
    ['unknown type', { type: 3 }, 'EINVAL'],
    ['unknown id', { id: 2, frame: 1, nr_frames: 1, frame_list: 1 }, 'ENOENT'],
    ['an id of 17 bits', { id: 0x10000, frame: 1, nr_frames: 1, frame_list: 1 }, 'EINVAL'],
    ['the ring of a server without', { frame: 0, nr_frames: 1, frame_list: 1 }, 'ENOENT'],
    ['a third frame', { frame: 2, nr_frames: 1, frame_list: 1 }, 'EINVAL'],
    ['no frame', { frame: 1, nr_frames: 0, frame_list: 1 }, 'EINVAL'],
    ['a count without a list', { nr_frames: 1 }, 'EINVAL'],
  ] as const)('%s', (_what, args, expected) => {
    const bench = new BenchGuest();
    created(bench);
    expect(errnoName(acquire(bench, args).ret)).toBe(`-${expected}`);
  });

  it('is refused to others than the creator, and after frames were given', () => {
    const bench = new BenchGuest();
    created(bench);
    expect(acquire(bench, { frame: 1, nr_frames: 1, frame_list: 1 }, STUBDOM).ret).toBe(-errno.EPERM);
    bench.hypercall('hvm_op', 'set_param', { domid: GUEST, index: 32, value: 0xfeff0 });
    bench.hypercall('hvm_op', 'set_param', { domid: GUEST, index: 33, value: 2 });
    expect(bench.hypercall('dm_op', 'get_ioreq_server_info', { domid: GUEST, id: 0 }).out).toEqual({
      ioreq_gfn: 0xfeff0,
    });
    expect(acquire(bench, { frame: 1, nr_frames: 1, frame_list: 1 }).ret).toBe(-errno.EPERM);
  });

  it('tells the number of frames: one for the ring, one per 128 virtual CPUs', () => {
    expect(acquire(new BenchGuest('hvm', { vcpus: 129 }), {}).out).toEqual({ nr_frames: 3 });
  });

  it.each<[XenRelease, number[]]>([
    ['4.18', [-errno.ENOMEM, 0]],
    ['4.19', [0, 0]],
  ])('hands out the legacy frames the way Xen %s tests for them', (xen, expected) => {
    const bench = new BenchGuest('hvm', {}, {}, { xen });
    bench.hypercall('hvm_op', 'set_param', { domid: GUEST, index: 5, value: 0x200 });
    bench.hypercall('hvm_op', 'set_param', { domid: GUEST, index: 6, value: 0x201 });
    created(bench);
    const info = () => bench.dm('get_ioreq_server_info', { id: 0 });
    expect([info(), info()]).toEqual(expected);
    expect(bench.guest.servers[0]!.gfn).toBe(0x200);
  });

  it('takes frames from the pool, then from the legacy parameters, and gives them back', () => {
    const bench = new BenchGuest();
    const param = (index: number, value: number) =>
      bench.hypercall('hvm_op', 'set_param', { domid: GUEST, index, value }).ret;
    expect([param(32, 0x100), param(33, 1), param(5, 0x200), param(6, 0x201)]).toEqual([0, 0, 0, 0]);
    expect([param(33, 65), param(32, 0x101)]).toEqual([-errno.EEXIST, -errno.EEXIST]);
    const info = (id: number) => bench.hypercall('dm_op', 'get_ioreq_server_info', { domid: GUEST, id });
    bench.dm('create_ioreq_server', { handle_bufioreq: 1 });
    created(bench);
    created(bench);
    expect(info(0).out).toMatchObject({ ioreq_gfn: 0x100, bufioreq_gfn: 0x200 });
    expect(info(1).out).toEqual({ ioreq_gfn: 0x201 });
    expect(info(2).ret).toBe(-errno.ENOMEM);
    bench.dm('destroy_ioreq_server', { id: 0 });
    expect(info(2).out).toEqual({ ioreq_gfn: 0x100 });
  });
});
