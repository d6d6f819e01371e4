import type { CfgBase } from '../base/brand.js';
import { plainBridge } from '../platform/plain-bridge.js';
import type { HostBridge, HostWindow, PlatformFunction } from '../platform/platform.js';

/** Configuration mechanism #1, by which the functions of a PC's first segment are reached when nothing else is known. */
const CF8 = 0xcf8;

/**
 * Stands for the host bridge of a segment whose configuration window nobody has told: the first has the ports of
 * mechanism #1; the others a number above them that no machine has a window at, so that their functions have names.
 */
export const withoutWindow = (segment: number): HostBridge => ({
  ...plainBridge({
    node: `segment ${segment.toString(16).padStart(4, '0')}, window not known`,
    compatible: [],
    access: segment === 0 ? 'cf8' : 'other',
    cfgBase: (CF8 + segment) as CfgBase,
    busStart: 0,
    busEnd: 0xff,
    windows: [],
  }),
  cfgSizeBytes: 8,
  // A number that Linux makes up (VMD) is none that Xen could have.
  pciDomain: segment > 0xffff ? null : segment,
});

/** Whether it may be what a PC's segment is reached by. */
export const isPc = ({ access }: HostBridge): boolean => access === 'mmcfg' || access === 'cf8';

export const sameWindow = (one: HostWindow, other: HostWindow): boolean =>
  one.space === other.space && one.pciAddress === other.pciAddress && one.sizeBytes === other.sizeBytes;

/** One bridge of two descriptions: what the first leaves open comes from the second. */
export function better(one: HostBridge, other: HostBridge): HostBridge {
  return {
    ...one,
    cfgSizeBytes: Math.max(one.cfgSizeBytes, other.cfgSizeBytes),
    pciDomain: one.pciDomain ?? other.pciDomain,
    windows: one.windows.length > 0 ? one.windows : other.windows,
  };
}

/** Registers that change while a machine runs, by byte: two readings of them may differ without telling two boots. */
const CHANGING = new Set([0x04, 0x05, 0x06, 0x07, 0x0c, 0x0d, 0x1e, 0x1f, 0x3c]);
const HEADER_BYTES = 0x40;

/**
 * What two readings of one function come to: bits that the first does not know come from the second. They agree when no
 * known bit of the header differs, but for those that change while a machine runs.
 */
export function united(
  one: PlatformFunction,
  other: PlatformFunction,
): { readonly value: PlatformFunction; readonly agree: boolean } {
  const size = Math.max(one.config.length, other.config.length);
  const config = new Uint8Array(size);
  const known = new Uint8Array(size);
  let agree = true;
  for (let at = 0; at < size; at++) {
    const [a, b] = [knownAt(one, at), knownAt(other, at)];
    const [x, y] = [one.config[at] ?? 0, other.config[at] ?? 0];
    if (at < HEADER_BYTES && !CHANGING.has(at) && ((x ^ y) & a & b) !== 0) agree = false;
    config[at] = (x & a) | (y & b & ~a);
    known[at] = a | b;
  }
  const behind = one.behind ?? other.behind;
  const { known: _all, ...rest } = one;
  return {
    value: {
      ...rest,
      config,
      ...(known.every((bits) => bits === 0xff) ? {} : { known }),
      ...(behind === undefined ? {} : { behind }),
    },
    agree,
  };
}

const knownAt = ({ config, known }: PlatformFunction, at: number): number =>
  at >= config.length ? 0 : known === undefined ? 0xff : (known[at] ?? 0);
