import type { RecordObject } from '../../events/field.js';
import { defaultX86Facts } from '../../platform/platform.js';
import type { Scenario } from '../scenario.js';
import {
  assign,
  call,
  cards,
  created,
  dom0,
  domIo,
  guest,
  mapMsi,
  name,
  nicA,
  nicB,
  onPc,
  pc,
  physdev,
} from './parts.js';

const slots = [0, 1, 2, 3, 4, 5].map((slot) => name(0, 2, slot, 0));

const exhausted: Scenario = {
  name: 'pirqs-exhausted',
  title: 'A guest runs out of pirqs',
  source: 'facts/xen 2.3, 12.2 (extra_guest_irqs)',
  shows:
    'With extra_guest_irqs=4 the fifth MSI of the guest is -ENOSPC although machine interrupts are plenty; numbers are given from the top down, and one given back is the next one out.',
  expects: ['IRQ-003'],
  takesPlatform: false,
  platform: () =>
    pc(cards(slots), 1, {
      ...defaultX86Facts,
      extraGuestIrqs: 4,
    }),
  programs: () => ({
    toolstack: onPc([created(guest, 'pv')], function* () {
      for (const card of slots) yield* assign(card, guest);
      const pirqs: number[] = [];
      for (const card of slots.slice(0, 5)) {
        const { out } = yield* mapMsi(card, guest);
        pirqs.push(Number(out?.['pirq']));
      }
      yield* physdev('unmap_pirq', { domid: guest, pirq: pirqs[1]! });
      yield* mapMsi(slots[5]!, guest);
    }),
  }),
};

const onSegment1 = name(1, 2, 0, 0);

const withSegment: Scenario = {
  name: 'map-pirq-with-segment',
  title: 'The segment of a map_pirq goes unread',
  source: 'facts/xen 2.3, 14 trap 17; facts/dom0 2.5',
  shows:
    'Two bridges have a 02:00.0. Type MSI_SEG takes the segment from the upper half of bus; the older type MSI ignores it, and Xen sets up the interrupt of the other device.',
  expects: ['IRQ-001'],
  takesPlatform: false,
  platform: () => pc(cards([nicA, onSegment1]), 2),
  programs: () => ({
    dom0: onPc([], function* () {
      yield* mapMsi(onSegment1, 0x7ff0);
      yield* mapMsi(onSegment1, 0x7ff0, { type: 0 });
    }),
  }),
};

const inject = (data: number, pirq: number): RecordObject => ({
  domid: guest,
  data,
  pad: 0,
  addr: 0xfee0_0000 + (pirq & 0xff) * 0x1000,
});

const vectorZero: Scenario = {
  name: 'msi-with-vector-0',
  title: 'An MSI with vector 0 is an event, not an interrupt',
  source: 'facts/xen 6.3 step 3, 14 trap 12',
  shows:
    'A device model forwards messages as the guest left them. Vector 0 names a pirq by its destination bits: pirq 0 is -ERANGE, any other is an event-channel upcall that an ordinary driver never sees.',
  expects: ['IRQ-004'],
  takesPlatform: false,
  platform: () => pc(cards([nicB])),
  programs: () => ({
    toolstack: onPc([created(guest, 'hvm')], function* () {
      yield* call(dom0, 'dm_op', 'inject_msi', inject(0x41, 0));
      yield* call(dom0, 'dm_op', 'inject_msi', inject(0, 0));
      yield* call(dom0, 'dm_op', 'inject_msi', inject(0, 0x17));
    }),
  }),
};

const forced: Scenario = {
  name: 'pirq-unmapped-while-bound',
  title: 'A pirq is unmapped before its event channel is closed',
  source: 'facts/xen 2.3 (-EBUSY); xen/arch/x86/irq.c (pirq_guest_force_unbind)',
  shows:
    'Dom0 unmaps an MSI whose event channel is still open: the number stays blocked, and the next MSI gets another one, until the channel is closed.',
  expects: ['IRQ-005'],
  takesPlatform: false,
  platform: () => pc(cards([nicA, nicB])),
  programs: () => ({
    dom0: onPc([], function* () {
      yield* assign(nicB, domIo);
      const { out } = yield* mapMsi(nicA, 0x7ff0);
      const pirq = Number(out?.['pirq']);
      const bound = yield* call(dom0, 'event_channel_op', 'bind_pirq', { pirq, flags: 0 });
      yield* physdev('unmap_pirq', { domid: 0x7ff0, pirq });
      yield* mapMsi(nicA, 0x7ff0);
      yield* call(dom0, 'event_channel_op', 'close', { port: Number(bound.out?.['port']) });
      yield* mapMsi(nicA, 0x7ff0);
    }),
  }),
};

/** Which interrupt is whose: the IRQ family. */
export const interruptScenarios: readonly Scenario[] = [exhausted, withSegment, vectorZero, forced];
