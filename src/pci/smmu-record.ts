import { hexPad } from '../base/hex.js';

/** Codes of SMMUv3 event records by name. @source facts/arm-msi-iommu 6.3 */
export const eventCodes = {
  F_UUT: 0x01,
  C_BAD_STREAMID: 0x02,
  F_STE_FETCH: 0x03,
  C_BAD_STE: 0x04,
  F_BAD_ATS_TREQ: 0x05,
  F_STREAM_DISABLED: 0x06,
  F_TRANSL_FORBIDDEN: 0x07,
  C_BAD_SUBSTREAMID: 0x08,
  F_CD_FETCH: 0x09,
  C_BAD_CD: 0x0a,
  F_WALK_EABT: 0x0b,
  F_TRANSLATION: 0x10,
  F_ADDR_SIZE: 0x11,
  F_ACCESS: 0x12,
  F_PERMISSION: 0x13,
  F_TLB_CONFLICT: 0x20,
  F_CFG_CONFLICT: 0x21,
  E_PAGE_REQUEST: 0x24,
  F_VMS_FETCH: 0x25,
} as const;

export type EventName = keyof typeof eventCodes;

/** What one event record says. A write's data is in no field of it. */
export interface FaultRecord {
  readonly event: EventName;
  readonly streamId: number;
  /** Of a stage-2 translation fault; configuration events have neither address nor direction. */
  readonly access: { readonly dir: 'read' | 'write'; readonly address: number } | null;
}

/** The four 64-bit words of a record, each as `0x` and 16 digits. */
export type RecordWords = readonly [string, string, string, string];

const word = (high: number, low: number): string => `0x${hexPad(high >>> 0, 8)}${hexPad(low >>> 0, 8)}`;
/** A register or address of at most 53 bits as `0x` and 16 digits. */
export const registerWord = (value: number): string => word(Math.floor(value / 2 ** 32), value % 2 ** 32);

/** High half of W1 of a stage-2 fault on the input address: stage 2 (bit 39), class 2 (bits 41:40). */
const STAGE2_INPUT = 0x280;
const READ = 0x8;

/**
 * Encodes a record as it stands in the event queue. Fields without meaning for a code are zero.
 * @source facts/arm-msi-iommu 6.3
 */
export function recordWords(record: FaultRecord): RecordWords {
  const w0 = word(record.streamId, eventCodes[record.event]);
  if (record.access === null) return [w0, registerWord(0), registerWord(0), registerWord(0)];
  const { dir, address } = record.access;
  const w1 = word(STAGE2_INPUT | (dir === 'read' ? READ : 0), 0);
  return [w0, w1, registerWord(address), registerWord(address - (address % 0x1000))];
}

/** Reads what `recordWords` writes; null when a word is malformed or the code is none of ours. */
export function readRecord(words: RecordWords): FaultRecord | null {
  const parsed = words.map((text) => /^0x([0-9a-f]{8})([0-9a-f]{8})$/.exec(text));
  if (parsed.some((match) => match === null)) return null;
  const half = (index: number, part: 1 | 2): number => Number.parseInt(parsed[index]![part]!, 16);
  const code = half(0, 2) & 0xff;
  const event = (Object.keys(eventCodes) as EventName[]).find((name) => eventCodes[name] === code);
  if (event === undefined) return null;
  const stage2 = (half(1, 1) & 0x80) !== 0;
  const access = stage2
    ? {
        dir: (half(1, 1) & READ) !== 0 ? ('read' as const) : ('write' as const),
        address: half(2, 1) * 2 ** 32 + half(2, 2),
      }
    : null;
  return { event, streamId: half(0, 1), access };
}
