import type { CfgBase } from '../base/brand.js';
import type { FunctionId } from '../pci/function-id.js';
import type { Bdf } from '../pci/sbdf.js';

/** How a host bridge's configuration space is reached. @source facts/arm-msi-iommu 1.1, facts/xen 3.3, 3.4 */
export type ConfigAccess = 'ecam' | 'cam' | 'nwl' | 'xgene' | 'designware' | 'mmcfg' | 'cf8' | 'other';

/** One block of a host bridge's registers. */
export interface RegisterBlock {
  /** As the firmware calls it: cfg, breg, pcireg, csr, dbi…; null when it does not. */
  readonly name: string | null;
  /** Host physical address; null when it cannot be translated. */
  readonly base: number | null;
  readonly sizeBytes: number;
}

/** `iommu-map` or `msi-map` as it stands in the tree. @source facts/arm-msi-iommu 1.4 */
export interface IdMap {
  /** Length of the property in bytes; not a multiple of 16 makes every lookup fail with EINVAL. */
  readonly lengthBytes: number;
  /** The mask property, 0xffffffff when absent. */
  readonly mask: number;
  readonly entries: readonly IdMapEntry[];
}

export interface IdMapEntry {
  readonly idBase: number;
  /** Node path of the target; null when the phandle resolves to no node. */
  readonly target: string | null;
  readonly outBase: number;
  readonly length: number;
}

/** One CPU window of a host bridge, from `ranges` or `_CRS`. */
export interface HostWindow {
  readonly space: 'config' | 'io' | 'mem32' | 'mem64';
  readonly prefetchable: boolean;
  /** Address on the PCI side. */
  readonly pciAddress: number;
  /** Host physical address; null when it cannot be translated through the parents' `ranges`. */
  readonly cpuAddress: number | null;
  readonly sizeBytes: number;
}

/** A host bridge as hardware and firmware describe it; its index in `Platform.bridges` is the bridge half of a FunctionId. */
export interface HostBridge {
  /** Device-tree path, or an ACPI-like name. */
  readonly node: string;
  readonly compatible: readonly string[];
  readonly access: ConfigAccess;
  readonly cfgBase: CfgBase;
  readonly cfgSizeBytes: number;
  /** Every register block, the configuration window included. Xen maps the others 1:1 to Dom0 (facts/xen 3.4). */
  readonly registers: readonly RegisterBlock[];
  readonly busStart: number;
  readonly busEnd: number;
  /** `status` absent, okay or ok. */
  readonly available: boolean;
  /** Marked `xen,passthrough`: Xen's probe skips it. */
  readonly xenPassthrough: boolean;
  /** `device_type = "pci"` stands on the node: Linux reserves its number even when disabled. */
  readonly isPciNode: boolean;
  /** `linux,pci-domain` cut to 16 bits; null when absent or unreadable. */
  readonly pciDomain: number | null;
  readonly iommuMap: IdMap | null;
  readonly msiMap: IdMap | null;
  /** Node paths of `msi-parent`. */
  readonly msiParents: readonly string[];
  readonly windows: readonly HostWindow[];
}

/** A function present when the trace starts, or pluggable later. */
export interface PlatformFunction {
  readonly function: FunctionId;
  /** Name for people, as `NIC-A`. */
  readonly name: string;
  /** 256 or 4096 bytes of configuration space at power-on. */
  readonly config: Uint8Array;
  /** Bits of `config` that somebody read or said, per byte; the others stand as 0 and mean nothing. Absent: all. */
  readonly known?: Uint8Array;
  /** Bits software can change, per byte; null: none. */
  readonly writeMask: Uint8Array | null;
  /** Bits that a written 1 clears, per byte; null: none. */
  readonly clearMask: Uint8Array | null;
  /** Present from the start; otherwise `device.plugged` brings it. */
  readonly present: boolean;
  /**
   * The bridge it sits behind, whose bus numbers then decide which bus it answers on. Absent: it answers on the bus of
   * its id, whatever bridges say.
   */
  readonly behind?: FunctionId;
}

export interface Smmu {
  readonly node: string;
  readonly model: 'smmuv2' | 'smmuv3';
  readonly base: number;
  /** StreamID bits (SMMU_IDR1.SIDSIZE); 15 for SMMUv2. */
  readonly streamIdBits: number;
  /** Two-level stream table, split at 8 bits. */
  readonly twoLevel: boolean;
}

export interface MsiController {
  readonly node: string;
  readonly model: 'its' | 'gicv2m' | 'nwl' | 'xgene' | 'axi';
  readonly base: number;
  /** Address a message is written to. */
  readonly doorbell: number;
  /** ITS: DeviceID bits; 0 elsewhere. */
  readonly deviceIdBits: number;
  /** ITS: EventID bits; 0 elsewhere. */
  readonly eventIdBits: number;
  /** GICv2m: first SPI and how many. Elsewhere the first interrupt line; 0 when unknown. */
  readonly spiBase: number;
  readonly spiCount: number;
  /** GICv2m: MSI_IIDR, which says what a frame takes for data; absent: the interrupt id. */
  readonly iidr?: number;
}

/** An I/O APIC. @source facts/xen 2.1 (apic_read), xen/arch/x86/io_apic.c */
export interface IoApic {
  readonly id: number;
  readonly version: number;
  readonly address: number;
  readonly gsiBase: number;
  readonly pins: number;
}

/** What only an x86 machine has, as far as Xen's answers depend on it. */
export interface X86Facts {
  readonly ioapics: readonly IoApic[];
  /** Machine interrupts in all: GSIs and those for MSI. */
  readonly nrIrqs: number;
  /** Pirqs of the hardware domain. */
  readonly hardwareDomainPirqs: number;
  /** Pirqs an ordinary domain has above the GSIs (`extra_guest_irqs`). */
  readonly extraGuestIrqs: number;
  /** The IOMMU remaps interrupts. */
  readonly interruptRemapping: boolean;
  /** `msi=` boot option. */
  readonly msi: boolean;
  /** Interrupts Xen itself uses: its console, its timer. */
  readonly ownIrqs: readonly number[];
  /** I/O ports Xen itself uses beyond those every x86 Xen keeps, as inclusive ranges. */
  readonly ownPorts: readonly (readonly [number, number])[];
  /** Physical address width. */
  readonly addressBits: number;
  /** Reserved memory of a VT-d machine, in the order of the DMAR table; absent: none. */
  readonly reservedRegions?: readonly ReservedRegion[];
  /** IOMMUs in the order of their table; absent: not known. */
  readonly iommuUnits?: readonly IommuUnit[];
}

/** An IOMMU of a PC and the functions it translates. @source VT-d specification, DRHD; AMD I/O Virtualization, IVHD */
export interface IommuUnit {
  readonly model: 'vt-d' | 'amd-vi';
  readonly segment: number;
  /** First byte of its registers. */
  readonly base: number;
  /** It has every function of its segment that no other unit names. */
  readonly includesAll: boolean;
  /** Functions of its device scope; a bridge stands for what is behind it. */
  readonly devices: readonly Bdf[];
}

/**
 * Memory that firmware keeps for devices and that their owner's IOMMU tables must map one to one (an RMRR).
 * @source xen/drivers/passthrough/vtd/dmar.c (acpi_parse_one_rmrr), facts/xen 12.2 (`rmrr=`)
 */
export interface ReservedRegion {
  readonly segment: number;
  /** First byte, host physical. */
  readonly base: number;
  /** Last byte. */
  readonly end: number;
  /** Functions of its device scope. More than one of them: the region is shared. */
  readonly devices: readonly Bdf[];
}

/** The physical truth a trace starts from: plain data, stored in the trace header. */
export interface Platform {
  readonly name: string;
  readonly arch: 'arm64' | 'x86_64';
  readonly bridges: readonly HostBridge[];
  readonly functions: readonly PlatformFunction[];
  readonly smmus: readonly Smmu[];
  readonly msiControllers: readonly MsiController[];
  /** x86_64 only; absent: a machine with one I/O APIC of 24 pins (`defaultX86Facts`). */
  readonly x86?: X86Facts;
}

export const emptyPlatform: Platform = {
  name: 'empty',
  arch: 'arm64',
  bridges: [],
  functions: [],
  smmus: [],
  msiControllers: [],
};

/** One I/O APIC, two CPUs' worth of vectors, interrupt remapping, MSI on. */
export const defaultX86Facts: X86Facts = {
  ioapics: [{ id: 0, version: 0x20, address: 0xfec0_0000, gsiBase: 0, pins: 24 }],
  nrIrqs: 416,
  hardwareDomainPirqs: 416,
  extraGuestIrqs: 32,
  interruptRemapping: true,
  msi: true,
  ownIrqs: [0],
  ownPorts: [],
  addressBits: 40,
};
