import { hex } from '../base/hex.js';
import { type FunctionId, formatFunction } from '../pci/function-id.js';
import { formatSbdf } from '../pci/sbdf.js';
import type { Platform } from '../platform/platform.js';
import type { Json } from './present.js';
import { keyKind, showNumber, valueKind } from './state-path.js';

/** Names in the state whose numbers are addresses, frames, register values or data. */
const hexNames: ReadonlySet<string> = new Set(
  `addr address addressHi addressLo askedAddress askedData base bufGfn cf8 cfgBase data dataHigh doorbell end gfn
  guestCommand guestHi guestLo limit maxGfn mfn smmu start streamId target value valueHigh`.split(/\s+/),
);
const sbdfNames: ReadonlySet<string> = new Set(['guestSbdf', 'physfn', 'sbdf']);

/** A part of the state as JSON documents have it: hex strings, `ssss:bb:dd.f`, `0x<cfgBase>/bb:dd.f`, keys included. */
export function presentState(value: unknown, path: readonly string[], platform: Platform): Json {
  if (typeof value === 'number') return presentNumber(value, path, platform);
  if (typeof value !== 'object' || value === null) return (value ?? null) as Json;
  if (Array.isArray(value)) return value.map((one, i) => presentState(one, [...path, String(i)], platform));
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => {
      const here = [...path, name];
      const kind = /^\d+$/.test(name) ? keyKind(here) : null;
      const key = kind === null ? name : showNumber(Number(name), kind, platform);
      return [key, presentState(inner, here, platform)];
    }),
  );
}

function presentNumber(value: number, path: readonly string[], platform: Platform): Json {
  const name = path.at(-1) ?? '';
  if (name === 'function') return formatFunction(value as FunctionId, platform);
  if (sbdfNames.has(name)) return formatSbdf(value);
  const kind = valueKind(path);
  if (kind !== null) return showNumber(value, kind, platform);
  return hexNames.has(name) ? hex(value) : value;
}
