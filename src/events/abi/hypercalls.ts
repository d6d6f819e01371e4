import { dmOps } from './dm-op.js';
import { domctlOps } from './domctl.js';
import { eventChannelOps } from './event-channel.js';
import { grantTableOps } from './grant-table.js';
import { memoryOps } from './memory-op.js';
import type { OperationTable } from './operation.js';
import { physdevOps } from './physdev.js';
import { sysctlOps } from './sysctl.js';

/** Hypercall names by number; 11 is unused. @source facts/xen 1.1 */
export const hypercallNumbers = {
  set_trap_table: 0,
  mmu_update: 1,
  set_gdt: 2,
  stack_switch: 3,
  set_callbacks: 4,
  fpu_taskswitch: 5,
  sched_op_compat: 6,
  platform_op: 7,
  set_debugreg: 8,
  get_debugreg: 9,
  update_descriptor: 10,
  memory_op: 12,
  multicall: 13,
  update_va_mapping: 14,
  set_timer_op: 15,
  event_channel_op_compat: 16,
  xen_version: 17,
  console_io: 18,
  physdev_op_compat: 19,
  grant_table_op: 20,
  vm_assist: 21,
  update_va_mapping_otherdomain: 22,
  iret: 23,
  vcpu_op: 24,
  set_segment_base: 25,
  mmuext_op: 26,
  xsm_op: 27,
  nmi_op: 28,
  sched_op: 29,
  callback_op: 30,
  xenoprof_op: 31,
  event_channel_op: 32,
  physdev_op: 33,
  hvm_op: 34,
  sysctl: 35,
  domctl: 36,
  kexec_op: 37,
  tmem_op: 38,
  argo_op: 39,
  xenpmu_op: 40,
  dm_op: 41,
  hypfs_op: 42,
  mca: 48,
} as const satisfies Record<string, number>;

/** Structure tables of the hypercalls whose arguments xpr reads and writes. */
export const operationTables = {
  physdev_op: physdevOps,
  domctl: domctlOps,
  sysctl: sysctlOps,
  dm_op: dmOps,
  event_channel_op: eventChannelOps,
  grant_table_op: grantTableOps,
  memory_op: memoryOps,
} as const satisfies Record<string, OperationTable>;

const names = new Map<number, string>(Object.entries(hypercallNumbers).map(([name, nr]) => [nr, name]));

/** Name of hypercall `nr`, `#nr` when it has none. */
export function hypercallName(nr: number): string {
  return names.get(nr) ?? `#${nr}`;
}
