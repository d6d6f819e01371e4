import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GuestConfig } from '../../src/rules/guest-config.js';
import { Guest } from './guest.js';

/** Registers that rules look at, and any other. */
const register = fc.oneof(
  fc.constantFrom(0x00, 0x04, 0x0c, 0x10, 0x14, 0x18, 0x19, 0x1a, 0x1c, 0x20, 0x24, 0x28, 0x2c, 0x30, 0x34),
  fc.constantFrom(0x38, 0x3e, 0x40, 0x60, 0x64, 0x100, 0x140, 0x148),
  fc.integer({ min: 0, max: 0xfff }),
);
const sbdf = fc.oneof(
  fc.constantFrom(0, 0xe0, 0xe1, 0x100, 0x101, 0x200),
  fc.integer({ min: 0, max: 0xffff }),
);
const value = fc.oneof(
  fc.constantFrom(
    0,
    1,
    0xffff_ffff,
    0x0001_0000,
    0x0010_0007,
    0xb000_0001,
    0xb000_0007,
    0x0003_0201,
    0x0040_0010,
  ),
  fc.integer({ min: 0, max: 0xffff_ffff }),
);
const access = fc.record({
  domid: fc.constantFrom(1, 2),
  kind: fc.constantFrom('read', 'write', 'copy', 'unclaimed', 'chipset', 'destroyed'),
  sbdf,
  register,
  size: fc.constantFrom(1, 2, 4, 8),
  value,
});

describe('a guest that does anything at all', () => {
  it('is judged without an error, and what it reports is bounded by its places', () => {
    fc.assert(
      fc.property(fc.array(access, { maxLength: 300 }), (accesses) => {
        const guest = new Guest();
        for (const one of accesses) {
          const { domid, size } = one;
          const addr = 0xb000_0000 + one.sbdf * 4096 + one.register;
          const sent = {
            domid,
            size,
            count: 1,
            dataIsPtr: false,
            buffered: false,
            dataHigh: 0,
            request: null,
          };
          const config = { ...sent, type: 'pci_config', sbdf: one.sbdf, reg: one.register, addr: 0 };
          switch (one.kind) {
            case 'write':
              guest.see('ioreq.sent', { ...config, dir: 'write', data: one.value });
              break;
            case 'read':
              guest.see('ioreq.sent', { ...config, dir: 'read', data: 0 });
              guest.see('ioreq.completed', {
                domid,
                how: 'answered',
                data: one.value,
                dataHigh: 0,
                request: null,
              });
              break;
            case 'copy':
              guest.see('ioreq.sent', {
                ...sent,
                type: 'copy',
                sbdf: null,
                reg: null,
                addr,
                dir: 'read',
                data: 0,
              });
              guest.see('ioreq.completed', {
                domid,
                how: 'answered',
                data: one.value,
                dataHigh: 0,
                request: null,
              });
              break;
            case 'unclaimed':
              guest.unclaimed({ domid, addr, size });
              break;
            case 'chipset':
              guest.see('chipset.changed', {
                domid,
                sbdf: one.sbdf,
                reg: one.register & ~3,
                value: one.value,
              });
              break;
            default:
              guest.see('domain.destroyed', { domid });
          }
        }
        const messages = guest.judge.findings.map(({ rule, message }) => `${rule} ${message}`);
        expect(messages.every((message) => !message.includes('NaN') && !message.includes('undefined'))).toBe(
          true,
        );
      }),
      { numRuns: 200 },
    );
  });

  it('is remembered with 1,024 functions, whatever it makes up', () => {
    const guest = new Guest();
    const config = new GuestConfig();
    const watching = { env: { policies: { mmconfig: 'none' } } } as never;
    for (let name = 0; name < 0x3000; name++) {
      const data = {
        domid: 1,
        vcpu: 0,
        type: 'pci_config',
        sbdf: name,
        reg: 0x18,
        size: 4,
        count: 1,
        dataIsPtr: false,
      };
      config.learn(
        { kind: 'ioreq.sent', data: { ...data, dir: 'write', data: 0x0002_0100 } } as never,
        watching,
      );
      guest.write(name, 0x18, 4, 0x0002_0100);
    }
    expect(config.guest(1)?.functions.size).toBe(1024);
    expect(guest.count('BRG')).toBeLessThanOrEqual(1024);
  });
});

describe('functions on one bus that all claim the same addresses', () => {
  it('are told of in as many findings as there are places to remember', () => {
    const guest = new Guest();
    for (let fn = 0x100; fn < 0x140; fn++) {
      guest.find(fn, 0);
      for (const at of [0x10, 0x14, 0x18]) guest.place(fn, at, 0xfff0_0000, 0xe000_0000);
      guest.write(fn, 0x04, 2, 2);
    }
    expect(guest.count('BRG-008')).toBe(4096);
    // Not all of them are kept.
    expect(guest.found('BRG-008').length).toBeLessThan(4096);
  });
});
