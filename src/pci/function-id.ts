import type { Brand, CfgBase } from '../base/brand.js';
import { hex } from '../base/hex.js';
import { type Bdf, bdfOf, formatBdf, parseSbdf } from './sbdf.js';

/**
 * A function as a thing, whatever anyone calls it: the host bridge (its index in the trace's platform) and the BDF
 * behind it, packed as `bridge << 16 | bdf`. Printed as `0x<cfgBase>/bb:dd.f`.
 */
export type FunctionId = Brand<number, 'FunctionId'>;

/** The part of a platform that turns a bridge index into what identifies the bridge outside this trace. */
export interface BridgeTable {
  readonly bridges: readonly { readonly cfgBase: CfgBase }[];
}

export function functionId(bridge: number, id: Bdf): FunctionId {
  return (bridge * 0x1_0000 + id) as FunctionId;
}

export const bridgeOf = (id: FunctionId): number => Math.floor(id / 0x1_0000);
export const functionBdf = (id: FunctionId): Bdf => bdfOf(id);

/** `0xa0000000/01:00.0`; an index outside the table prints as `?n/…`, so that damaged data stays visible. */
export function formatFunction(id: FunctionId, table: BridgeTable): string {
  const bridge = table.bridges[bridgeOf(id)];
  return `${bridge === undefined ? `?${bridgeOf(id)}` : hex(bridge.cfgBase)}/${formatBdf(id)}`;
}

/** Reads what `formatFunction` writes; null when the text is malformed or names no bridge of the table. */
export function parseFunction(text: string, table: BridgeTable): FunctionId | null {
  const match = /^(0x[0-9a-f]+)\/([0-9a-f]{2}:[0-9a-f]{2}\.[0-7])$/.exec(text);
  if (match === null) return null;
  const cfgBase = Number(match[1]);
  const index = table.bridges.findIndex((bridge) => bridge.cfgBase === cfgBase);
  const name = parseSbdf(match[2]!);
  return index < 0 || name === null ? null : functionId(index, bdfOf(name));
}
