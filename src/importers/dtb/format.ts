import { Trouble } from '../../base/errors.js';
import { limits } from '../../base/limits.js';
import type { Format } from '../importer.js';
import { platformFromDtb } from './dt-platform.js';

const FDT_MAGIC = [0xd0, 0x0d, 0xfe, 0xed];

/** A device tree blob: the machine, and nothing that happens on it. */
export const dtbFormat: Format = {
  name: 'dtb',
  doc: 'a flattened device tree: the machine itself',
  describesMachine: true,
  detect: (head) => FDT_MAGIC.every((byte, i) => head[i] === byte),
  open(out) {
    const pieces: Uint8Array[] = [];
    let size = 0;
    return {
      push(bytes) {
        size += bytes.length;
        if (size > limits.fdtBytes) {
          throw new Trouble('FDT-004', 'device tree larger than the limit', {
            expected: `at most ${limits.fdtBytes} bytes`,
            hint: 'the file is no device tree blob, or is damaged',
          });
        }
        pieces.push(bytes);
      },
      end() {
        out.fact({ is: 'platform', platform: platformFromDtb(new Uint8Array(Buffer.concat(pieces))) });
        out.counts.records = 1;
      },
    };
  },
};
