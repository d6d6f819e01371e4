import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { operationTables } from '../../../src/events/abi/hypercalls.js';
import type { Operation } from '../../../src/events/abi/operation.js';
import { Host } from './machine.js';

const value = fc.oneof(
  fc.integer({ min: -2, max: 600 }),
  fc.integer(),
  fc.nat(),
  fc.constantFrom(0x7ff0, 0x7ff1, 0x7ff2, 0x7ff4, 0xffff_ffff, 2 ** 53 - 1),
  fc.constantFrom('0xffffffffffffffff', 'text', '', true, null),
  fc.array(fc.nat(), { maxLength: 3 }),
);

/** Any argument of an operation: the fields of its structure with any values, and fields it does not have. */
const argumentsOf = (op: Operation): fc.Arbitrary<Record<string, unknown>> => {
  const names = (op.arg?.fields ?? []).map((field) => field.name);
  const known = Object.fromEntries([...names, 'domain', 'interface_version'].map((field) => [field, value]));
  return fc.record(known, { requiredKeys: [] });
};

const call = fc.constantFrom(...Object.entries(operationTables)).chain(([hypercall, table]) =>
  fc.constantFrom(...Object.entries(table as Record<string, Operation>)).chain(([op, operation]) =>
    fc.record({
      hypercall: fc.constant(hypercall),
      op: fc.constant(op),
      domid: fc.constantFrom(0, 1, 2, 3, 4, 9),
      args: argumentsOf(operation),
    }),
  ),
);

describe('bad arguments', () => {
  it('are errnos: no hypercall of any domain ever throws, and each is answered once', () => {
    fc.assert(
      fc.property(fc.array(call, { minLength: 1, maxLength: 25 }), fc.boolean(), (calls, pvh) => {
        const host = new Host({ dom0: pvh ? 'pvh' : 'pv' });
        for (const { domid, hypercall, op, args } of calls) {
          const { ret } = host.call(domid, hypercall, op, args as never);
          expect(Number.isInteger(ret)).toBe(true);
          expect(ret).toBeGreaterThan(-4096);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('of a name nobody knows are -ENOSYS', () => {
    const host = new Host();
    expect(host.call(0, 'physdev_op', '#22').ret).toBe(-38);
    expect(host.call(0, 'physdev_op', 'free_irq_vector').ret).toBe(-38);
    expect(host.call(0, 'domctl', '#999').ret).toBe(-38);
    expect(host.call(0, '#11', '').ret).toBe(-38);
    expect(host.call(0, 'physdev_op_compat', '#22').ret).toBe(-38);
    expect(host.call(0, 'physdev_op_compat', 'set_iopl', { iopl: 4 }).ret).toBe(-22);
    expect(host.call(0, 'physdev_op', 'constructor').ret).toBe(-38);
  });
});
