import { describe, expect, it } from 'vitest';
import { errno } from '../../../src/base/errno.js';
import type { RecordObject } from '../../../src/events/field.js';
import { gsiMap, Host } from './machine.js';

const call = (host: Host, op: string, args: RecordObject, by = 0) =>
  host.call(by, 'event_channel_op', op, args);
const SELF = 0x7ff0;

/** d1 offers a port to d2; @returns its number. */
const offer = (host: Host): number =>
  call(host, 'alloc_unbound', { dom: SELF, remote_dom: 2 }, 1).out!['port'] as number;

describe('event channels', () => {
  it('an offered port is taken once, by the domain it was offered to', () => {
    const host = new Host();
    const port = offer(host);
    expect(port).toBe(1);
    const bind = { remote_dom: 1, remote_port: port };
    expect(call(host, 'bind_interdomain', bind, 3).ret).toBe(-errno.EINVAL);
    expect(call(host, 'bind_interdomain', bind, 2).out!['local_port']).toBe(1);
    expect(call(host, 'bind_interdomain', bind, 2).ret).toBe(-errno.EINVAL);
    expect(call(host, 'status', { dom: SELF, port }, 1).out).toEqual({
      dom: SELF,
      port,
      status: 2,
      vcpu: 0,
      interdomain_dom: 2,
      interdomain_port: 1,
    });
  });

  it('an event goes to the other end, and is lost without a word while there is none', () => {
    const host = new Host();
    const port = offer(host);
    expect(call(host, 'send', { port }, 1).ret).toBe(0);
    call(host, 'bind_interdomain', { remote_dom: 1, remote_port: port }, 2);
    const events = host.engine.step({
      kind: 'hypercall.issued',
      by: 'd1',
      data: { domid: 1 as never, hypercall: 'event_channel_op', op: 'send', args: { port } },
    });
    expect(events.find((event) => event.kind === 'evtchn.notified')?.data).toEqual({ domid: 2, port: 1 });
  });

  it('closing one end leaves the other unbound for the same domain', () => {
    const host = new Host();
    const port = offer(host);
    call(host, 'bind_interdomain', { remote_dom: 1, remote_port: port }, 2);
    expect(call(host, 'close', { port: 1 }, 2).ret).toBe(0);
    expect(host.state.evtchn[1]!.ports[port]).toMatchObject({ state: 'unbound', remote: 2 });
    expect(call(host, 'bind_interdomain', { remote_dom: 1, remote_port: port }, 2).ret).toBe(0);
  });

  it('a domain that ends leaves its partners unbound', () => {
    const host = new Host();
    const port = offer(host);
    call(host, 'bind_interdomain', { remote_dom: 1, remote_port: port }, 2);
    host.destroy(2);
    expect(host.state.evtchn[1]!.ports[port]).toMatchObject({ state: 'unbound', remote: 2 });
    expect(host.state.evtchn[2]).toBe(undefined);
  });

  it('the lowest free port is given, and never 0', () => {
    const host = new Host();
    for (const port of [1, 2, 3]) expect(offer(host)).toBe(port);
    call(host, 'close', { port: 2 }, 1);
    expect(offer(host)).toBe(2);
  });

  it('a pirq closed after it was unmapped is free again', () => {
    const host = new Host();
    host.physdev('map_pirq', gsiMap(16, 16));
    const { out } = call(host, 'bind_pirq', { pirq: 16, flags: 1 });
    expect(host.state.irq.guests[16]).toEqual([0]);
    host.physdev('unmap_pirq', { domid: SELF, pirq: 16 });
    expect(host.state.irq.domains[0]!.pirqOf).toEqual({ 16: -16 });
    expect(call(host, 'close', { port: out!['port']! }).ret).toBe(0);
    expect([host.state.irq.domains[0]!.pirqs, host.state.irq.domains[0]!.pirqOf]).toEqual([{}, {}]);
  });

  it('a bound pirq makes setup_gsi of its pin -EEXIST and is read as shared when two domains have it', () => {
    const host = new Host();
    host.physdev('map_pirq', gsiMap(16, 16));
    host.physdev('map_pirq', gsiMap(16, 16, { domid: 1 }));
    call(host, 'bind_pirq', { pirq: 16, flags: 1 });
    expect(host.physdev('setup_gsi', { gsi: 16 })).toBe(-errno.EEXIST);
    const flags = () => host.call(0, 'physdev_op', 'irq_status_query', { irq: 16 }).out!['flags'];
    expect(flags()).toBe(1);
    expect(call(host, 'bind_pirq', { pirq: 16, flags: 1 }, 1).ret).toBe(0);
    expect(flags()).toBe(3);
  });

  it('reset closes all of them', () => {
    const host = new Host();
    offer(host);
    offer(host);
    expect(call(host, 'reset', { dom: SELF }, 1).ret).toBe(0);
    expect(host.state.evtchn[1]!.ports).toEqual({});
  });

  it('priorities and arrays need the FIFO interface', () => {
    const host = new Host();
    const port = offer(host);
    expect(call(host, 'set_priority', { port, priority: 1 }, 1).ret).toBe(-errno.ENOSYS);
    expect(call(host, 'expand_array', { array_gfn: 5 }, 1).ret).toBe(-errno.EOPNOTSUPP);
    expect(call(host, 'init_control', { control_gfn: 4, offset: 0, vcpu: 0 }, 1).out!['link_bits']).toBe(17);
    expect(call(host, 'set_priority', { port, priority: 1 }, 1).ret).toBe(0);
    expect(call(host, 'set_priority', { port, priority: 16 }, 1).ret).toBe(-errno.EINVAL);
    expect(call(host, 'expand_array', { array_gfn: 5 }, 1).ret).toBe(0);
    expect(host.state.evtchn[1]!.ports[port]!.priority).toBe(1);
  });

  it.each([
    ['alloc_unbound for no domain', 'ESRCH', 'alloc_unbound', { dom: 77, remote_dom: 1 }, 0],
    ['alloc_unbound in another domain', 'EPERM', 'alloc_unbound', { dom: 2, remote_dom: 1 }, 1],
    ['bind_interdomain to no domain', 'ESRCH', 'bind_interdomain', { remote_dom: 77, remote_port: 1 }, 1],
    ['bind_interdomain to a closed port', 'EINVAL', 'bind_interdomain', { remote_dom: 2, remote_port: 9 }, 1],
    ['bind_virq beyond the last', 'EINVAL', 'bind_virq', { virq: 24, vcpu: 0 }, 1],
    ['a global virq on another vCPU', 'EINVAL', 'bind_virq', { virq: 2, vcpu: 1 }, 1],
    ['bind_virq on no vCPU', 'ENOENT', 'bind_virq', { virq: 0, vcpu: 1 }, 1],
    ['bind_ipi on no vCPU', 'ENOENT', 'bind_ipi', { vcpu: 1 }, 1],
    ['bind_pirq beyond the last', 'EINVAL', 'bind_pirq', { pirq: 416 }, 0],
    ['bind_pirq of a pirq not mapped', 'EPERM', 'bind_pirq', { pirq: 20 }, 0],
    ['close of a closed port', 'EINVAL', 'close', { port: 5 }, 1],
    ['send on a closed port', 'EINVAL', 'send', { port: 5 }, 1],
    ['status of no domain', 'ESRCH', 'status', { dom: 77, port: 1 }, 0],
    ['status beyond the records', 'EINVAL', 'status', { dom: SELF, port: 64 }, 1],
    ['status of another domain', 'EPERM', 'status', { dom: 2, port: 1 }, 1],
    ['bind_vcpu to no vCPU', 'ENOENT', 'bind_vcpu', { port: 1, vcpu: 1 }, 1],
    ['bind_vcpu of a closed port', 'EINVAL', 'bind_vcpu', { port: 1, vcpu: 0 }, 1],
    ['unmask beyond the records', 'EINVAL', 'unmask', { port: 64 }, 1],
    ['reset of no domain', 'ESRCH', 'reset', { dom: 77 }, 0],
    ['reset of another domain', 'EPERM', 'reset', { dom: 2 }, 1],
    ['reset of a domain that runs', 'EINVAL', 'reset', { dom: 2 }, 0],
    ['init_control across a page', 'EINVAL', 'init_control', { offset: 4090, vcpu: 0 }, 1],
    ['init_control off its alignment', 'EINVAL', 'init_control', { offset: 4, vcpu: 0 }, 1],
  ] as const)('%s is -%s and opens nothing', (_why, code, op, args, by) => {
    const host = new Host();
    const before = JSON.stringify(host.state);
    expect(call(host, op, args, by).ret).toBe(-errno[code]);
    expect(JSON.stringify(host.state)).toBe(before);
  });

  it('a virq and a pirq are bound once', () => {
    const host = new Host();
    expect(call(host, 'bind_virq', { virq: 0, vcpu: 0 }).ret).toBe(0);
    expect(call(host, 'bind_virq', { virq: 0, vcpu: 0 }).ret).toBe(-errno.EEXIST);
    host.physdev('map_pirq', gsiMap(16, 16));
    expect(call(host, 'bind_pirq', { pirq: 16, flags: 0 }).ret).toBe(0);
    expect(call(host, 'bind_pirq', { pirq: 16, flags: 0 }).ret).toBe(-errno.EEXIST);
  });
});

describe('grants', () => {
  const grant = (host: Host, op: string, args: RecordObject, by = 0) =>
    host.call(by, 'grant_table_op', op, args);
  const offerPage = (host: Host, readonly = false): void => {
    host.engine.step({
      kind: 'grant.offered',
      by: 'd1',
      data: { domid: 1 as never, ref: 8, to: 0 as never, frame: 0x1234 as never, readonly },
    });
  };
  const map = { dom: 1, ref: 8, flags: 2, host_addr: 0x1000 };

  it('a granted page is mapped, and unmapped by its handle', () => {
    const host = new Host();
    offerPage(host);
    expect(grant(host, 'map_grant_ref', map).out).toMatchObject({
      status: 0,
      handle: 0,
      dev_bus_addr: 0x1234000,
    });
    expect(grant(host, 'map_grant_ref', map).out).toMatchObject({ status: 0, handle: 1 });
    expect(grant(host, 'unmap_grant_ref', { handle: 0 }).out!['status']).toBe(0);
    expect(Object.keys(host.state.gnttab[0]!.mappings)).toEqual(['1']);
    expect(grant(host, 'unmap_grant_ref', { handle: 0 }).out!['status']).toBe(-4);
  });

  it.each([
    ['without a kind of mapping', -3, { ...map, flags: 0 }, 0],
    ['from no domain', -2, { ...map, dom: 77 }, 0],
    ['of an entry that is not there', -1, { ...map, ref: 9 }, 0],
    ['of an entry for somebody else', -1, map, 3],
    ['for writing where only reading is granted', -1, map, 0],
    ['for device access by an HVM domain', -1, { ...map, flags: 3 }, 2],
  ] as const)('a mapping %s has status %i and maps nothing', (_why, status, args, by) => {
    const host = new Host();
    offerPage(host, true);
    expect(grant(host, 'map_grant_ref', args, by)).toMatchObject({ ret: 0, out: { status } });
    expect(host.state.gnttab[by]?.mappings ?? {}).toEqual({});
  });

  it('each element of an array has its own status', () => {
    const host = new Host();
    offerPage(host);
    const { ret, out } = grant(host, 'map_grant_ref', { ops: [map, { ...map, dom: 77 }] });
    expect([ret, (out!['ops'] as RecordObject[]).map((op) => op['status'])]).toEqual([0, [0, -2]]);
  });

  it('tables are asked about by their owner, its device model and control domains', () => {
    const host = new Host();
    expect(grant(host, 'query_size', { dom: SELF }, 1).out).toMatchObject({ status: 0, max_nr_frames: 64 });
    expect(grant(host, 'query_size', { dom: 2 }, 4).out!['status']).toBe(0);
    expect(grant(host, 'query_size', { dom: 2 }, 1).out!['status']).toBe(-8);
    expect(grant(host, 'setup_table', { dom: 77, nr_frames: 1 }).out!['status']).toBe(-2);
    expect(grant(host, 'setup_table', { dom: SELF, nr_frames: 65 }).out!['status']).toBe(-1);
  });

  it('a copy needs both ends', () => {
    const host = new Host();
    offerPage(host, true);
    const source = { ref_or_gmfn: 8, domid: 1, offset: 0 };
    const own = { ref_or_gmfn: 0x55, domid: SELF, offset: 0 };
    const status = (args: RecordObject) => grant(host, 'copy', args).out!['status'];
    expect(status({ source, dest: own, len: 64, flags: 1 })).toBe(0);
    expect(status({ source: own, dest: source, len: 64, flags: 2 })).toBe(-1);
    expect(status({ source, dest: own, len: 4097, flags: 1 })).toBe(-10);
    expect(status({ source: { ...own, domid: 1 }, dest: own, len: 4, flags: 0 })).toBe(-8);
  });

  it('the version is 1 until it is set', () => {
    const host = new Host();
    expect(grant(host, 'get_version', { dom: SELF }, 1).out!['version']).toBe(1);
    expect(grant(host, 'set_version', { version: 3 }, 1).ret).toBe(-errno.EINVAL);
    expect(grant(host, 'set_version', { version: 2 }, 1).ret).toBe(0);
    expect(grant(host, 'get_version', { dom: 1 }).out!['version']).toBe(2);
    expect(grant(host, 'get_version', { dom: 2 }, 1).ret).toBe(-errno.EPERM);
    expect(grant(host, 'get_version', { dom: 77 }).ret).toBe(-errno.ESRCH);
  });
});

describe('memory_op', () => {
  const memory = (host: Host, op: string, args: RecordObject, by = 0) => host.call(by, 'memory_op', op, args);

  it.each([
    ['ENOSYS', 'add_to_physmap', { domid: 2, space: 4 }, 0],
    ['ESRCH', 'add_to_physmap', { domid: 77, space: 1 }, 0],
    ['EPERM', 'add_to_physmap', { domid: 2, space: 1 }, 1],
    ['EACCES', 'add_to_physmap', { domid: 1, space: 1 }, 0],
    ['EINVAL', 'add_to_physmap', { domid: 2, space: 9 }, 0],
    ['EINVAL', 'add_to_physmap', { domid: 2, space: 5 }, 0],
    ['ESRCH', 'remove_from_physmap', { domid: 77, gpfn: 1 }, 0],
    ['EACCES', 'remove_from_physmap', { domid: 1, gpfn: 1 }, 0],
    ['EPERM', 'remove_from_physmap', { domid: 2, gpfn: 1 }, 1],
    ['ENOENT', 'remove_from_physmap', { domid: 2, gpfn: 1 }, 0],
    ['ESRCH', 'add_to_physmap_batch', { domid: 77 }, 0],
    ['EINVAL', 'reserved_device_memory_map', { flags: 2 }, 0],
  ] as const)('-%s: %s %o', (code, op, args, by) => {
    expect(memory(new Host(), op, args, by).ret).toBe(-errno[code]);
  });

  it('a page comes and goes', () => {
    const host = new Host();
    expect(memory(host, 'add_to_physmap', { domid: 2, space: 1, idx: 0, gpfn: 0x38000 }).ret).toBe(0);
    expect(host.state.physmap[2]!.pages).toEqual({ 229376: 'grant_table' });
    expect(memory(host, 'remove_from_physmap', { domid: SELF, gpfn: 0x38000 }, 2).ret).toBe(0);
    expect(host.state.physmap[2]!.pages).toEqual({});
  });

  it('a batch has an errno for each page', () => {
    const args = { domid: 2, space: 0, size: 2, idxs: [0, 0], gpfns: [7, 2 ** 41] };
    expect(memory(new Host(), 'add_to_physmap_batch', args).out!['errs']).toEqual([0, -errno.EINVAL]);
  });

  it('there are no reserved regions', () => {
    expect(
      memory(new Host(), 'reserved_device_memory_map', { flags: 1, nr_entries: 8 }).out!['nr_entries'],
    ).toBe(0);
  });
});
