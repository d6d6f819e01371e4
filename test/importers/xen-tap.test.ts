import { describe, expect, it } from 'vitest';
import { readTap, tapInput } from '../../src/importers/xen-tap/read.js';

/** Lines of our own recordings of a Xen 4.17.7. */
const lines = {
  older:
    '{"seq":3,"t":15.4462,"cpu":0,"fn":"physdev_op","cmd":8,"name":"apic_read","args":{"apic_physbase":4273995776,"reg":1,"value":0},"raw":"0000c0fe000000000100000000000000","ret":0,"out":{"apic_physbase":4273995776,"reg":1,"value":1507360}}',
  newer:
    '{"seq":727,"tsc":371834506300,"cpu":0,"cur":"d0v1","fn":"physdev_op","cmd":13,"name":"map_pirq","args":{"domid":1,"type":3,"index":-1,"pirq":-1,"bus":1,"devfn":0,"entry_nr":0,"table_base":4259315712},"raw":"0100000003000000ffffffffffffffff0100000000000000000000000000000000c0dffd00000000","ret":0,"out":{"domid":1,"type":0,"index":-1,"pirq":55,"bus":1,"devfn":0,"entry_nr":0,"table_base":4259315712}}',
  domctl:
    '{"seq":1471,"t":178.2227,"cpu":1,"fn":"domctl","cmd":37,"name":"assign_device","domain":32753,"args":{"dev":0,"flags":1,"sbdf":"0000:01:00.0"},"ret":0}',
  permission:
    '{"seq":906,"tsc":1,"cpu":0,"cur":"d0v0","fn":"domctl","cmd":19,"name":"irq_permission","domain":1,"args":{"pirq":23,"allow":1},"ret":0}',
  bare: '{"seq":628,"tsc":1,"cpu":0,"cur":"d0v0","fn":"domctl","cmd":1,"name":"createdomain","domain":65535,"ret":0}',
  write:
    '{"seq":670,"t":37.7526,"cpu":1,"fn":"pci_conf_write_intercept","sbdf":"0000:00:03.0","reg":74,"size":2,"data":49152,"ret":1}',
  vpci: '{"seq":1,"tsc":1,"cpu":0,"fn":"vpci_read","sbdf":"0000:00:00.0","reg":0,"size":4,"ret":1}',
};

const read = (line: string) => readTap(line, 'tap.jsonl')[0]!;

describe('tap.jsonl', () => {
  it('reads the older form, whose calls are all of domain 0', () => {
    expect(read(lines.older)).toEqual({
      seq: 3,
      line: 1,
      caller: 0,
      fn: 'physdev_op',
      op: 'apic_read',
      domain: null,
      args: { apic_physbase: 0xfec00000, reg: 1, value: 0 },
      ret: 0,
      out: { apic_physbase: 0xfec00000, reg: 1, value: 0x170020 },
      time: { seconds: 15.4462 },
    });
  });

  it('takes a structure from its bytes, signs and 64-bit fields included', () => {
    const call = read(lines.newer);
    expect(call.args).toEqual({
      domid: 1,
      type: 3,
      index: -1,
      pirq: -1,
      bus: 1,
      devfn: 0,
      entry_nr: 0,
      table_base: 0xfddfc000,
    });
    expect(call.out?.['pirq']).toBe(55);
  });

  it('gives domctl fields the names of the public headers and packs the device name', () => {
    expect(tapInput(read(lines.domctl))).toMatchObject({
      kind: 'hypercall.issued',
      by: 'd0',
      data: {
        hypercall: 'domctl',
        op: 'assign_device',
        args: { domain: 0x7ff1, machine_sbdf: 0x100, flags: 1 },
      },
    });
    expect(read(lines.permission).args).toEqual({ pirq: 23, allow_access: 1 });
  });

  it('makes an intercepted write a configuration access of a PV domain', () => {
    expect(tapInput(read(lines.write))).toMatchObject({
      kind: 'config.requested',
      data: { via: 'pv', dir: 'write', sbdf: 0x18, reg: 74, size: 2, value: 0xc000 },
    });
  });

  it('has no input for a call whose argument the tap did not follow', () => {
    expect(read(lines.bare)).toMatchObject({ op: 'createdomain', args: null, domain: 65535 });
    expect(tapInput(read(lines.bare))).toBe(null);
  });

  it('passes over other functions and blank lines', () => {
    expect(readTap(`${lines.vpci}\n\n${lines.write}\n`, 'tap.jsonl').map((call) => call.line)).toEqual([3]);
  });

  it.each([
    ['TAP-001', '{"seq":1,'],
    ['TAP-001', '[]'],
    ['TAP-001', 'text'],
    ['TAP-002', '{"fn":"physdev_op","cmd":8}'],
    ['TAP-002', '{"seq":1,"fn":"physdev_op","cmd":"x"}'],
    ['TAP-002', '{"seq":1,"fn":"pci_conf_write_intercept","sbdf":"0000:00:03.0","reg":74,"size":2}'],
    ['TAP-002', '{"seq":1,"fn":"domctl","cmd":37,"domain":1.5}'],
  ])('%s: %s', (code, line) => {
    expect(() => readTap(line, 'tap.jsonl')).toThrowError(expect.objectContaining({ code }));
  });
});
