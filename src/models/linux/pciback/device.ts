import type { Resource } from '../../hardware/bars.js';

/** What pciback remembers of one seized device that its config-space policy reads. @source facts/dom0 4.4, 5 */
export interface PolicyState {
  readonly permissive: boolean;
  readonly allowInterruptControl: boolean;
  /** One warning per device and bind. */
  readonly warnedOnWrite: boolean;
  /** `pci_enable_device` is in effect. */
  readonly enabled: boolean;
  /** The guest switched decoding on, so its INTx is wanted. */
  readonly enableIntx: boolean;
  readonly isBusmaster: boolean;
  /** Command register: hardware's at seize, later what the guest wrote last. */
  readonly command: number;
  /** Register offsets of BARs that answer with their size. */
  readonly sizing: Readonly<Record<number, true>>;
  /** Fields added through `quirks`, in order of addition. The mask is stored and never applied. */
  readonly quirks: readonly Quirk[];
}

export interface Quirk {
  readonly offset: number;
  readonly size: 1 | 2 | 4;
  readonly mask: number;
}

/** What the policy changes of that memory. */
export type PolicyPatch = Partial<Omit<PolicyState, 'permissive' | 'quirks'>>;

/** The device behind the policy: its registers and what Linux does to it. */
export interface DevicePort {
  read(reg: number, sizeBytes: number): number;
  write(reg: number, sizeBytes: number, value: number): void;
  /** Vendor and device id as Linux cached them; hardware answers 0xffff for virtual functions. */
  readonly ids: { readonly vendor: number; readonly device: number };
  /** Low byte of Dom0's irq number. */
  readonly irqLine: number;
  /** By register offset: 0x10 to 0x24, and the ROM's. */
  readonly resources: Readonly<Record<number, Resource>>;
  /** `xen_pcibk.permissive`, the module parameter. */
  readonly permissiveGlobal: boolean;
  readonly policy: PolicyState;
  update(patch: PolicyPatch): void;
  /** `pci_enable_device`: 0 or a negative errno. */
  enable(): number;
  /** `pci_disable_device`: takes bus mastering away, leaves the decode bits. */
  disable(): void;
  /** The one warning of a dropped write. */
  warn(text: string): void;
}
