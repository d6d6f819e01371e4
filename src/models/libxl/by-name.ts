import { type Dom0Sbdf, parseSbdf } from '../../pci/sbdf.js';
import type { StepIo } from './step.js';

/**
 * Looks a name up among the devices XenStore knows: the first that has it. Where nobody has, libxl goes on with the
 * device it looked at last, 0000:00:00.0 when there was none, and takes that one's claim back.
 * @source tools/libs/light/libxl_pci.c of 4.17, `name2bdf`
 */
export function lookUpName(io: StepIo, name: string): { readonly device: Dom0Sbdf; readonly found: boolean } {
  let device = 0 as Dom0Sbdf;
  for (const child of io.store.list('/libxl/pci')) {
    const parts = /^(\w+)-(\w+)-(\w+)-(\w)$/.exec(child);
    const own =
      parts === null ? null : parseSbdf<Dom0Sbdf>(`${parts[1]}:${parts[2]}:${parts[3]}.${parts[4]}`);
    if (own === null) continue;
    device = own;
    if (io.store.read(`/libxl/pci/${child}/name`) === name) return { device, found: true };
  }
  return { device, found: false };
}
