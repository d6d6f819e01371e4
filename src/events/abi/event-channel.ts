import type { Operation } from './operation.js';
import { struct, u8, u16, u32, u64 } from './struct.js';

const status = [u16('dom', 0), u32('port', 4), u32('status', 8), u32('vcpu', 12)];
const statusLayout = struct('evtchn_status', 24, status);

/** `status` of a port. */
export const evtchnStatus = { closed: 0, unbound: 1, interdomain: 2, pirq: 3, virq: 4, ipi: 5 } as const;

/**
 * Sub-operations of hypercall 32.
 * @source facts/xen 1.2 for the numbers, xen/include/public/event_channel.h for the structures
 */
export const eventChannelOps = {
  bind_interdomain: {
    nr: 0,
    arg: struct('evtchn_bind_interdomain', 12, [
      u16('remote_dom', 0),
      u32('remote_port', 4),
      u32('local_port', 8),
    ]),
  },
  bind_virq: { nr: 1, arg: struct('evtchn_bind_virq', 12, [u32('virq', 0), u32('vcpu', 4), u32('port', 8)]) },
  bind_pirq: {
    nr: 2,
    arg: struct('evtchn_bind_pirq', 12, [u32('pirq', 0), u32('flags', 4), u32('port', 8)]),
  },
  close: { nr: 3, arg: struct('evtchn_close', 4, [u32('port', 0)]) },
  send: { nr: 4, arg: struct('evtchn_send', 4, [u32('port', 0)]) },
  status: {
    nr: 5,
    arg: statusLayout,
    variants: {
      selector: 'status',
      by: {
        1: struct('evtchn_status', 24, [...status, u16('unbound_dom', 16)]),
        2: struct('evtchn_status', 24, [...status, u16('interdomain_dom', 16), u32('interdomain_port', 20)]),
        3: struct('evtchn_status', 24, [...status, u32('pirq', 16)]),
        4: struct('evtchn_status', 24, [...status, u32('virq', 16)]),
      },
    },
  },
  alloc_unbound: {
    nr: 6,
    arg: struct('evtchn_alloc_unbound', 8, [u16('dom', 0), u16('remote_dom', 2), u32('port', 4)]),
  },
  bind_ipi: { nr: 7, arg: struct('evtchn_bind_ipi', 8, [u32('vcpu', 0), u32('port', 4)]) },
  bind_vcpu: { nr: 8, arg: struct('evtchn_bind_vcpu', 8, [u32('port', 0), u32('vcpu', 4)]) },
  unmask: { nr: 9, arg: struct('evtchn_unmask', 4, [u32('port', 0)]) },
  reset: { nr: 10, arg: struct('evtchn_reset', 2, [u16('dom', 0)]) },
  init_control: {
    nr: 11,
    arg: struct('evtchn_init_control', 24, [
      u64('control_gfn', 0),
      u32('offset', 8),
      u32('vcpu', 12),
      u8('link_bits', 16),
    ]),
  },
  expand_array: { nr: 12, arg: struct('evtchn_expand_array', 8, [u64('array_gfn', 0)]) },
  set_priority: { nr: 13, arg: struct('evtchn_set_priority', 8, [u32('port', 0), u32('priority', 4)]) },
} as const satisfies Record<string, Operation>;

export type EventChannelOp = keyof typeof eventChannelOps;
