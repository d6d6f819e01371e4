import type { FunctionId } from '../../pci/function-id.js';
import { functionId } from '../../pci/function-id.js';
import { type Bdf, bdf } from '../../pci/sbdf.js';
import type { Out } from '../importer.js';

/** A function by the name a program printed, whose segment may have more than 16 bits (VMD). */
export interface Named {
  readonly text: string;
  readonly segment: number;
  readonly bdf: Bdf;
}

/** `ssss:bb:dd.f`, with up to eight digits of segment or none; null for anything else. */
export function readName(text: string): Named | null {
  const match = /^(?:([0-9a-f]{1,8}):)?([0-9a-f]{1,2}):([0-9a-f]{1,2})\.([0-7])$/i.exec(text);
  if (match === null) return null;
  const dev = Number.parseInt(match[3]!, 16);
  if (dev > 31) return null;
  const segment = match[1] === undefined ? 0 : Number.parseInt(match[1], 16);
  const bus = Number.parseInt(match[2]!, 16);
  return {
    text: `${segment.toString(16).padStart(4, '0')}:${hex2(bus)}:${hex2(dev)}.${match[4]}`,
    segment,
    bdf: bdf(bus, dev, Number(match[4])),
  };
}

const hex2 = (value: number): string => value.toString(16).padStart(2, '0');

/** The function a name means; null where no bridge of the machine is known to have its segment. */
export function functionOf(out: Out, { segment, bdf: id }: Named): FunctionId | null {
  const bridge = out.segment(segment);
  return bridge === null ? null : functionId(bridge, id);
}
