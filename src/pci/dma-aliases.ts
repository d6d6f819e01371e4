/** Ids of a function as the alias tables match them. */
export interface AliasIds {
  readonly vendor: number;
  readonly device: number;
  readonly subsystemVendor: number;
  readonly subsystem: number;
}

/**
 * Further devfns of its bus that a function sends requests as, ascending.
 * @param devfn Its own.
 * @source drivers/pci/quirks.c `pci_add_dma_alias` callers, Linux 6.1.192; facts/dom0 10.3
 */
export function dmaAliases(ids: AliasIds, devfn: number): readonly number[] {
  const id = ids.vendor * 0x1_0000 + ids.device;
  const other = (fn: number): readonly number[] => ((devfn & 7) === fn ? [] : [(devfn & ~7) | fn]);
  if (asFunction0.has(id)) return other(0);
  if (asFunction1.has(id)) return other(1);
  if (id === ADAPTEC && ids.subsystemVendor === 0x9005 && [0x02bb, 0x02bc].includes(ids.subsystem))
    return [0x08];
  if (manyCore.has(id)) return [0x80, 0x88, 0x93];
  if (visualCompute.has(id)) return everyDevfn.filter((one) => (one & 7) < 5 && one !== devfn);
  if (plxNtb.has(id)) return everyDevfn.filter((one) => one !== devfn);
  return [];
}

/** Ricoh and Glenfly: everything is sent as function 0. */
const asFunction0: ReadonlySet<number> = new Set([0x1180_e832, 0x1180_e476, 0x6766_3d40, 0x6766_3d41]);

/** Marvell's SATA controllers and relatives: sent as function 1, whether it is there or not. */
const asFunction1: ReadonlySet<number> = new Set([
  0x1b4b_9120, 0x1b4b_9123, 0x1b4b_9125, 0x1b4b_9128, 0x1b4b_9130, 0x1b4b_9170, 0x1b4b_9172, 0x1b4b_917a,
  0x1b4b_9182, 0x1b4b_9183, 0x1b4b_91a0, 0x1b4b_9215, 0x1b4b_9220, 0x1b4b_9230, 0x1b4b_9235, 0x1103_0642,
  0x1103_0645, 0x197b_2392, 0x1c28_0122,
]);

/** Adaptec 3405 and 3805: a private device at 01.0 does the transfers. */
const ADAPTEC = 0x9005_0285;

/** MIC x200: 10.0, 11.0 and 12.3. */
const manyCore: ReadonlySet<number> = new Set([0x8086_2260, 0x8086_2264]);

/** Visual Compute Accelerator: functions 0 to 4 of every slot. */
const visualCompute: ReadonlySet<number> = new Set([
  0x8086_2954, 0x8086_2955, 0x8086_2956, 0x8086_2958, 0x8086_2959, 0x8086_295a,
]);

const plxNtb: ReadonlySet<number> = new Set([0x10b5_87b0, 0x10b5_87b1]);

const everyDevfn: readonly number[] = Array.from({ length: 256 }, (_, devfn) => devfn);
