import type { Brand } from '../base/brand.js';
import { hexPad } from '../base/hex.js';

/** Bus, device and function packed as `bus << 8 | dev << 3 | fn`; also the requester id (RID). */
export type Bdf = Brand<number, 'Bdf'>;

/**
 * A name `segment << 16 | bdf` in one party's numbering. The numberings are different types: the bug class this
 * tool hunts is taking one for the other, so only a party's own tables convert a name into a function and back.
 * @source facts/xen 1.5 (`pci_sbdf_t`)
 */
export type Sbdf<Numbering extends string = string> = Brand<number, `Sbdf:${Numbering}`>;
export type XenSbdf = Sbdf<'xen'>;
export type Dom0Sbdf = Sbdf<'dom0'>;
export type GuestSbdf = Sbdf<'guest'>;
/** A name in the numbering of whoever made the request; which numbering that is follows from the requester. */
export type CallerSbdf = Sbdf<'caller'>;
export type AnySbdf = XenSbdf | Dom0Sbdf | GuestSbdf | CallerSbdf;

/** Packs bus (0..255), device (0..31) and function (0..7). */
export function bdf(bus: number, dev: number, fn: number): Bdf {
  return (((bus & 0xff) << 8) | ((dev & 0x1f) << 3) | (fn & 7)) as Bdf;
}

export const busOf = (id: number): number => (id >>> 8) & 0xff;
export const devOf = (id: number): number => (id >>> 3) & 0x1f;
export const fnOf = (id: number): number => id & 7;
export const devfnOf = (id: number): number => id & 0xff;
export const bdfOf = (sbdf: number): Bdf => (sbdf & 0xffff) as Bdf;
/** Segment of an SBDF; Linux domains above 0xffff (VMD) keep their upper bits. */
export const segmentOf = (sbdf: number): number => Math.floor(sbdf / 0x1_0000);

/** Names a function in one numbering. `segment` may exceed 16 bits for Linux' synthetic domains (facts/dom0 1.1). */
export function sbdf<S extends AnySbdf>(segment: number, id: number): S {
  return (segment * 0x1_0000 + (id & 0xffff)) as S;
}

/** `bb:dd.f`, lower case. */
export function formatBdf(id: number): string {
  return `${hexPad(busOf(id), 2)}:${hexPad(devOf(id), 2)}.${fnOf(id)}`;
}

/** `ssss:bb:dd.f`; more digits for segments above 0xffff. @source facts/xen 1.5 (`%pp`) */
export function formatSbdf(id: number): string {
  return `${hexPad(segmentOf(id), 4)}:${formatBdf(id)}`;
}

/** Reads `[ssss:]bb:dd.f`; null when the text is no such name. */
export function parseSbdf<S extends AnySbdf>(text: string): S | null {
  const match = /^(?:([0-9a-f]{1,8}):)?([0-9a-f]{1,2}):([0-9a-f]{1,2})\.([0-7])$/i.exec(text);
  if (match === null) return null;
  const dev = Number.parseInt(match[3]!, 16);
  if (dev > 31) return null;
  const segment = match[1] === undefined ? 0 : Number.parseInt(match[1], 16);
  return sbdf<S>(segment, bdf(Number.parseInt(match[2]!, 16), dev, Number(match[4])));
}
