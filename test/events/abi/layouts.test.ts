import { describe, expect, it } from 'vitest';
import { dmOpBuf, dmOpHeader, dmOpUnionOffset } from '../../../src/events/abi/dm-op.js';
import { domctlHeader, domctlUnionOffset } from '../../../src/events/abi/domctl.js';
import { hypercallName, hypercallNumbers, operationTables } from '../../../src/events/abi/hypercalls.js';
import { bufIoreqLayout, ioreqLayout } from '../../../src/events/abi/ioreq.js';
import { type Operation, operationName } from '../../../src/events/abi/operation.js';
import { encodeStruct, type StructLayout, words } from '../../../src/events/abi/struct.js';
import { interfaceVersions, sysctlHeader, sysctlUnionOffset } from '../../../src/events/abi/sysctl.js';

/** `u16 domid@0, …`, the notation of the facts pages. */
const notation = (layout: StructLayout): string =>
  layout.fields
    .map((field) => {
      const type =
        field.is === 'int'
          ? `${field.signed ? 'i' : 'u'}${8 * field.bytes}`
          : field.is === 'bits'
            ? `${field.width}b${field.low}`
            : field.is === 'struct'
              ? `{${notation(field.layout)}}`
              : `${'layout' in field.element ? '{}' : `u${8 * field.element.bytes}`}[${field.is === 'array' ? field.length : ''}]`;
      return `${type} ${field.name}@${field.offset}`;
    })
    .join(', ');

/** hypercall, sub-operation, number, size, fields. @source facts/xen 2.1, 2.3, 4.2, 6.2, 7.1, 8; facts/dom0 2.3 */
const rows: readonly (readonly [keyof typeof operationTables, string, number, number, string])[] = [
  ['physdev_op', 'irq_status_query', 5, 8, 'u32 irq@0, u32 flags@4'],
  ['physdev_op', 'set_iopl', 6, 4, 'u32 iopl@0'],
  ['physdev_op', 'set_iobitmap', 7, 16, 'u64 bitmap@0, u32 nr_ports@8'],
  ['physdev_op', 'apic_read', 8, 16, 'u64 apic_physbase@0, u32 reg@8, u32 value@12'],
  ['physdev_op', 'apic_write', 9, 16, 'u64 apic_physbase@0, u32 reg@8, u32 value@12'],
  ['physdev_op', 'alloc_irq_vector', 10, 8, 'u32 irq@0, u32 vector@4'],
  ['physdev_op', 'eoi', 12, 4, 'u32 irq@0'],
  [
    'physdev_op',
    'map_pirq',
    13,
    40,
    'u16 domid@0, i32 type@4, i32 index@8, i32 pirq@12, i32 bus@16, i32 devfn@20, i32 entry_nr@24, u64 table_base@32',
  ],
  ['physdev_op', 'unmap_pirq', 14, 8, 'u16 domid@0, i32 pirq@4'],
  ['physdev_op', 'manage_pci_add', 15, 2, 'u8 bus@0, u8 devfn@1'],
  ['physdev_op', 'manage_pci_remove', 16, 2, 'u8 bus@0, u8 devfn@1'],
  ['physdev_op', 'pirq_eoi_gmfn_v1', 17, 8, 'u64 gmfn@0'],
  ['physdev_op', 'restore_msi', 19, 2, 'u8 bus@0, u8 devfn@1'],
  [
    'physdev_op',
    'manage_pci_add_ext',
    20,
    16,
    'u8 bus@0, u8 devfn@1, u32 is_extfn@4, u32 is_virtfn@8, {u8 bus@0, u8 devfn@1} physfn@12',
  ],
  ['physdev_op', 'setup_gsi', 21, 8, 'i32 gsi@0, u8 triggering@4, u8 polarity@5'],
  ['physdev_op', 'get_free_pirq', 23, 8, 'i32 type@0, u32 pirq@4'],
  [
    'physdev_op',
    'pci_mmcfg_reserved',
    24,
    16,
    'u64 address@0, u16 segment@8, u8 start_bus@10, u8 end_bus@11, u32 flags@12',
  ],
  [
    'physdev_op',
    'pci_device_add',
    25,
    12,
    'u16 seg@0, u8 bus@2, u8 devfn@3, u32 flags@4, {u8 bus@0, u8 devfn@1} physfn@8, u32[] optarr@12',
  ],
  ['physdev_op', 'pci_device_remove', 26, 4, 'u16 seg@0, u8 bus@2, u8 devfn@3'],
  ['physdev_op', 'restore_msi_ext', 27, 4, 'u16 seg@0, u8 bus@2, u8 devfn@3'],
  ['physdev_op', 'pirq_eoi_gmfn_v2', 28, 8, 'u64 gmfn@0'],
  ['physdev_op', 'dbgp_op', 29, 6, 'u8 op@0, u8 bus@1, {u16 seg@0, u8 bus@2, u8 devfn@3} pci@2'],
  ['physdev_op', 'prepare_msix', 30, 4, 'u16 seg@0, u8 bus@2, u8 devfn@3'],
  ['physdev_op', 'release_msix', 31, 4, 'u16 seg@0, u8 bus@2, u8 devfn@3'],
  ['physdev_op', 'pci_device_reset', 32, 8, '{u16 seg@0, u8 bus@2, u8 devfn@3} dev@0, u32 flags@4'],
  ['domctl', 'irq_permission', 19, 8, 'u32 pirq@0, u8 allow_access@4'],
  ['domctl', 'iomem_permission', 20, 24, 'u64 first_mfn@0, u64 nr_mfns@8, u8 allow_access@16'],
  ['domctl', 'ioport_permission', 21, 12, 'u32 first_port@0, u32 nr_ports@4, u8 allow_access@8'],
  ['domctl', 'assign_device', 37, 24, 'u32 dev@0, u32 flags@4, u32 machine_sbdf@8'],
  ['domctl', 'bind_pt_irq', 38, 24, 'u32 machine_irq@0, u32 irq_type@4, u8 bus@8, u8 device@9, u8 intx@10'],
  [
    'domctl',
    'memory_mapping',
    39,
    32,
    'u64 first_gfn@0, u64 first_mfn@8, u64 nr_mfns@16, u32 add_mapping@24, u32 padding@28',
  ],
  [
    'domctl',
    'ioport_mapping',
    40,
    16,
    'u32 first_gport@0, u32 first_mport@4, u32 nr_ports@8, u32 add_mapping@12',
  ],
  ['domctl', 'test_assign_device', 45, 24, 'u32 dev@0, u32 flags@4, u32 machine_sbdf@8'],
  ['domctl', 'deassign_device', 47, 24, 'u32 dev@0, u32 flags@4, u32 machine_sbdf@8'],
  ['domctl', 'unbind_pt_irq', 48, 24, 'u32 machine_irq@0, u32 irq_type@4, u8 bus@8, u8 device@9, u8 intx@10'],
  [
    'domctl',
    'get_device_group',
    50,
    24,
    'u32 machine_sbdf@0, u32 max_sdevs@4, u32 num_sdevs@8, u64 sdev_array@16',
  ],
  ['domctl', 'gsi_permission', 88, 8, 'u32 gsi@0, u32 flags@4'],
  ['sysctl', 'pcitopoinfo', 22, 24, 'u32 num_devs@0, u64 devs@8, u64 nodes@16'],
  ['dm_op', 'create_ioreq_server', 1, 6, 'u8 handle_bufioreq@0, u8[3] pad@1, u16 id@4'],
  [
    'dm_op',
    'get_ioreq_server_info',
    2,
    24,
    'u16 id@0, u16 flags@2, u32 bufioreq_port@4, u64 ioreq_gfn@8, u64 bufioreq_gfn@16',
  ],
  [
    'dm_op',
    'map_io_range_to_ioreq_server',
    3,
    24,
    'u16 id@0, u16 pad@2, u32 type@4, u64 start@8, u64 end@16',
  ],
  [
    'dm_op',
    'unmap_io_range_from_ioreq_server',
    4,
    24,
    'u16 id@0, u16 pad@2, u32 type@4, u64 start@8, u64 end@16',
  ],
  ['dm_op', 'set_ioreq_server_state', 5, 4, 'u16 id@0, u8 enabled@2, u8 pad@3'],
  ['dm_op', 'destroy_ioreq_server', 6, 4, 'u16 id@0, u16 pad@2'],
  ['dm_op', 'track_dirty_vram', 7, 16, 'u32 nr@0, u32 pad@4, u64 first_pfn@8'],
  ['dm_op', 'set_pci_intx_level', 8, 6, 'u16 domain@0, u8 bus@2, u8 device@3, u8 intx@4, u8 level@5'],
  ['dm_op', 'set_isa_irq_level', 9, 2, 'u8 isa_irq@0, u8 level@1'],
  ['dm_op', 'set_pci_link_route', 10, 2, 'u8 link@0, u8 isa_irq@1'],
  ['dm_op', 'modified_memory', 11, 8, 'u32 nr_extents@0, u32 opaque@4'],
  ['dm_op', 'set_mem_type', 12, 16, 'u32 nr@0, u16 mem_type@4, u16 pad@6, u64 first_pfn@8'],
  [
    'dm_op',
    'inject_event',
    13,
    24,
    'u32 vcpuid@0, u8 vector@4, u8 type@5, u8 insn_len@6, u8 pad0@7, u32 error_code@8, u32 pad1@12, u64 cr2@16',
  ],
  ['dm_op', 'inject_msi', 14, 16, 'u32 data@0, u32 pad@4, u64 addr@8'],
  ['dm_op', 'map_mem_type_to_ioreq_server', 15, 16, 'u16 id@0, u16 type@2, u32 flags@4, u64 opaque@8'],
  ['dm_op', 'remote_shutdown', 16, 4, 'u32 reason@0'],
  ['dm_op', 'relocate_memory', 17, 24, 'u32 size@0, u32 pad@4, u64 src_gfn@8, u64 dst_gfn@16'],
  ['dm_op', 'pin_memory_cacheattr', 18, 24, 'u64 start@0, u64 end@8, u32 type@16, u32 pad@20'],
  ['dm_op', 'set_irq_level', 19, 8, 'u32 irq@0, u8 level@4, u8[3] pad@5'],
  ['dm_op', 'nr_vcpus', 20, 4, 'u32 vcpus@0'],
];

describe('layouts of the public headers', () => {
  it.each(rows)('%s %s', (hypercall, name, nr, sizeBytes, fields) => {
    const table = operationTables[hypercall] as Record<string, Operation>;
    const op = table[name]!;
    expect(op.nr).toBe(nr);
    expect(operationName(table, nr)).toBe(name);
    expect(op.arg!.sizeBytes).toBe(sizeBytes);
    expect(notation(op.arg!)).toBe(fields);
  });

  it('selects the members of the unions of bind_pt_irq and assign_device', () => {
    const { bind_pt_irq, assign_device } = operationTables.domctl;
    const head = 'u32 machine_irq@0, u32 irq_type@4';
    expect(notation(bind_pt_irq.variants.by[2])).toBe(`${head}, u8 gvec@8, u32 gflags@12, u64 gtable@16`);
    expect(notation(bind_pt_irq.variants.by[1])).toBe(`${head}, u8 isa_irq@8`);
    expect(notation(bind_pt_irq.variants.by[4])).toBe(`${head}, u16 spi@8`);
    expect(notation(assign_device.variants.by[1])).toBe('u32 dev@0, u32 flags@4, u32 size@8, u64 path@16');
  });

  it('puts the unions behind their envelopes', () => {
    expect([domctlHeader.sizeBytes, domctlUnionOffset]).toEqual([144, 16]);
    expect([sysctlHeader.sizeBytes, sysctlUnionOffset]).toEqual([136, 8]);
    expect([dmOpHeader.sizeBytes, dmOpUnionOffset, dmOpBuf.sizeBytes]).toEqual([32, 8, 16]);
  });

  it('packs a request and a buffered slot as Xen does', () => {
    expect([ioreqLayout.sizeBytes, notation(ioreqLayout)]).toEqual([
      32,
      'u64 addr@0, u64 data@8, u32 count@16, u32 size@20, u32 vp_eport@24, u16 pad@28, 4b0 state@30, 1b4 data_is_ptr@30, 1b5 dir@30, 1b6 df@30, 1b7 pad1@30, u8 type@31',
    ]);
    const masks = { dir: 0x200, size: 0xc00, addr: 0xfffff000 };
    for (const [name, mask] of Object.entries(masks)) {
      const bytes = encodeStruct(bufIoreqLayout, { [name]: 0xfffff });
      expect(new DataView(bytes.buffer).getUint32(0, true), name).toBe(mask);
    }
    expect(words('0xfedcba9876543210')).toEqual([0x76543210, 0xfedcba98]);
  });

  it('names hypercalls by number', () => {
    expect([hypercallName(33), hypercallName(41), hypercallName(11)]).toEqual(['physdev_op', 'dm_op', '#11']);
    expect(new Set(Object.values(hypercallNumbers)).size).toBe(Object.keys(hypercallNumbers).length);
  });

  it('knows the interface versions of every release the model follows', () => {
    expect(Object.entries(interfaceVersions).map(([xen, v]) => [xen, v.domctl, v.sysctl])).toEqual([
      ['4.17', 0x15, 0x15],
      ['4.18', 0x16, 0x15],
      ['4.19', 0x17, 0x15],
      ['4.20', 0x17, 0x15],
      ['4.21', 0x17, 0x16],
      ['4.22', 0x18, 0x16],
      ['4.23', 0x18, 0x16],
    ]);
  });
});
