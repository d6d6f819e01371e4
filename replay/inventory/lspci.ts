import { readConfig } from '../../src/models/hardware/config-space.js';
import { className } from '../../src/pci/class-names.js';
import { CONVENTIONAL_CONFIG_BYTES, reg } from '../../src/pci/header.js';
import { formatSbdf } from '../../src/pci/sbdf.js';
import { dom0Name, xenName } from '../../src/rules/names.js';
import type { Env } from '../../src/state/env.js';
import type { ReadonlyWorld } from '../../src/state/world.js';

/** Whose names the listing has. */
export type Namer = 'dom0' | 'xen';

export interface Listing {
  /** A line a function, after each the lines of its bytes, then an empty line, as `lspci -F` reads them. */
  readonly lines: readonly string[];
  /** Functions that are there and that the namer cannot name. */
  readonly unnamed: number;
}

const hexDigits = (value: number, digits: number): string => value.toString(16).padStart(digits, '0');
/** Bytes a line of a dump shows. */
const ROW = 16;

/**
 * The machine as `lspci -D -nn` lists it, by name, with the first `dumpBytes` bytes of each configuration space. What
 * a function answers at that moment is shown: all ones of one that hangs.
 * @source pciutils, lspci.c (show_terse, show_hex_dump)
 */
export function listing(state: ReadonlyWorld, env: Env, namer: Namer, dumpBytes: number): Listing {
  const nameOf = namer === 'dom0' ? dom0Name : xenName;
  const there = env.platform.functions.filter((fn) => state.hw.present[fn.function] !== undefined);
  const named = there.flatMap((fn) => {
    const name = nameOf(state, env, fn.function);
    return name === null ? [] : [{ fn, name: name as number }];
  });
  const lines = named
    .toSorted((a, b) => a.name - b.name)
    .flatMap(({ fn, name }) => {
      const read = (at: number, size: number): number => readConfig({ state, env }, fn.function, at, size);
      const bytes = Math.min(dumpBytes, fn.config.length);
      const dump = Array.from({ length: bytes / ROW }, (_, row) => {
        const at = row * ROW;
        const cells = Array.from({ length: ROW }, (_, i) => hexDigits(read(at + i, 1), 2));
        return `${hexDigits(at, fn.config.length > CONVENTIONAL_CONFIG_BYTES && at > 0xff ? 3 : 2)}: ${cells.join(' ')}`;
      });
      const code = read(reg.classDevice, 2);
      const ids = `${hexDigits(read(reg.vendorId, 2), 4)}:${hexDigits(read(reg.deviceId, 2), 4)}`;
      const revision = read(reg.revision, 1);
      const head = `${formatSbdf(name)} ${className(code)} [${hexDigits(code, 4)}]: ${fn.name} [${ids}]${
        revision === 0 ? '' : ` (rev ${hexDigits(revision, 2)})`
      }`;
      return dumpBytes === 0 ? [head] : [head, ...dump, ''];
    });
  return { lines, unnamed: there.length - named.length };
}
