import { hexPad } from '../../../base/hex.js';

/** Config field of a stream table entry. @source facts/arm-msi-iommu 6.1 */
const steConfig = { abort: 0, bypass: 4, stage1: 5, stage2: 6, both: 7 } as const;

/** Span of a level-1 descriptor whose second level has 2^split entries; 0 stands for no second level. */
export const l1Span = (hasSecondLevel: boolean, split = 8): number => (hasSecondLevel ? split + 1 : 0);

const word = (high: number, low: number): string => `0x${hexPad(high >>> 0, 8)}${hexPad(low >>> 0, 8)}`;

/** What Xen puts into an entry it translates with. */
export interface Stage2Entry {
  readonly vmid: number;
  /** VTCR field as it stands in bits 50:32 of D2. */
  readonly vtcr: number;
  /** Root of the processor's stage 2, which the SMMU shares. */
  readonly tableBase: number;
}

/**
 * Words D0 to D3 of an entry as Xen writes it: valid, the config, and for stage 2 VMID, VTCR, AArch64, PTW, S2R and the
 * table base. D2 and D3 go in first and D0 last, with an invalidation after each.
 * @source xen/drivers/passthrough/arm/smmu-v3.c, arm_smmu_write_strtab_ent @RELEASE-4.22.0
 */
export function steWords(
  config: 'abort' | 'bypass' | 'stage2',
  stage2: Stage2Entry | null = null,
): readonly [string, string, string, string] {
  const d0 = word(0, 1 | (steConfig[config] << 1));
  const zero = word(0, 0);
  // SHCFG: take the attributes that come with the request. Abort writes it too, and stage 2 leaves it as it was.
  const d1 = word(1 << 12, 0);
  if (config === 'abort' || config === 'bypass' || stage2 === null) return [d0, d1, zero, zero];
  const flags = (1 << 19) | (1 << 22) | (1 << 26);
  const d2 = word((stage2.vtcr & 0x7ffff) | flags, stage2.vmid & 0xffff);
  const base = stage2.tableBase - (stage2.tableBase % 16);
  return [d0, d1, d2, word(Math.floor(base / 2 ** 32) & 0xfffff, base % 2 ** 32)];
}
