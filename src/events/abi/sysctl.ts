import type { Operation } from './operation.js';
import { handle, struct, u32 } from './struct.js';

/** `xen_sysctl`: the operation's own structure stands at byte 8. @source facts/xen 8 */
export const sysctlHeader = struct('xen_sysctl', 136, [u32('cmd', 0), u32('interface_version', 4)]);
export const sysctlUnionOffset = 8;

/** Sub-operations of hypercall 35 that concern PCI. @source facts/xen 8 */
export const sysctlOps = {
  pcitopoinfo: {
    nr: 22,
    arg: struct('xen_sysctl_pcitopoinfo', 24, [u32('num_devs', 0), handle('devs', 8), handle('nodes', 16)]),
  },
} as const satisfies Record<string, Operation>;

/** Interface version `domctl` and `sysctl` must carry, by Xen release. @source facts/xen 1.2 */
export const interfaceVersions: Readonly<
  Record<string, { readonly domctl: number; readonly sysctl: number }>
> = {
  '4.17': { domctl: 0x15, sysctl: 0x15 },
  '4.18': { domctl: 0x16, sysctl: 0x15 },
  '4.19': { domctl: 0x17, sysctl: 0x15 },
  '4.20': { domctl: 0x17, sysctl: 0x15 },
  '4.21': { domctl: 0x17, sysctl: 0x16 },
  '4.22': { domctl: 0x18, sysctl: 0x16 },
  '4.23': { domctl: 0x18, sysctl: 0x16 },
};
