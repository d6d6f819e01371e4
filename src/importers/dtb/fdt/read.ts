import { Trouble } from '../../../base/errors.js';
import { limits } from '../../../base/limits.js';
import { checkNoOverlap, type FdtHeader, readFdtHeader } from './header.js';
import type { DeviceTree, FdtNode, FdtProperty, FdtReservation } from './tree.js';

const BEGIN_NODE = 1;
const END_NODE = 2;
const PROP = 3;
const NOP = 4;
const END = 9;

/**
 * Reads a flattened device tree (`.dtb`) of version 16 or 17, or a later one that is compatible.
 * Bytes behind `totalsize` are ignored, as is what follows the END token.
 *
 * @throws {Trouble} FDT-001 to FDT-019, each with the offset where reading stopped.
 * @source facts/arm-msi-iommu 1.6
 * @cost O(bytes); bounded by `limits.fdt*` whatever the input.
 */
export function readDeviceTree(bytes: Uint8Array): DeviceTree {
  const header = readFdtHeader(bytes);
  const blob = bytes.subarray(0, header.totalBytes);
  const view = new DataView(blob.buffer, blob.byteOffset, blob.byteLength);
  const reservations = readReservations(view, header.reservationsStart);
  const walk = new StructureWalk(blob, view, header);
  const root = walk.run();
  checkNoOverlap([
    { name: 'header', start: 0, end: header.headerBytes },
    {
      name: 'memory reservation',
      start: header.reservationsStart,
      end: header.reservationsStart + 16 * (reservations.length + 1),
    },
    { name: 'structure', start: header.structure.start, end: walk.position },
    header.strings,
  ]);
  const byPhandle = indexPhandles(walk.nodes);
  return {
    version: header.version,
    bootCpuId: header.bootCpuId,
    reservations,
    root,
    nodes: walk.nodes,
    nodeOf: (phandle) => byPhandle.get(phandle) ?? null,
  };
}

/** The node while its tokens are read. */
interface OpenNode extends FdtNode {
  readonly properties: FdtProperty[];
  readonly children: OpenNode[];
}

/** Names seen in an open node, so that a second use is found without comparing every pair. */
interface Frame {
  readonly node: OpenNode;
  readonly propertyNames: Set<string>;
  readonly childNames: Set<string>;
}

class StructureWalk {
  readonly nodes: FdtNode[] = [];
  /** Next byte to read; after `run`, the end of the structure block as used. */
  position: number;
  readonly #blob: Uint8Array;
  readonly #view: DataView;
  readonly #header: FdtHeader;
  readonly #end: number;
  readonly #names = new Map<number, string>();
  #properties = 0;

  constructor(blob: Uint8Array, view: DataView, header: FdtHeader) {
    this.#blob = blob;
    this.#view = view;
    this.#header = header;
    this.position = header.structure.start;
    this.#end = header.structure.end;
  }

  run(): FdtNode {
    const open: Frame[] = [];
    let root: FdtNode | null = null;
    for (;;) {
      const at = this.position;
      const token = this.#u32('a token');
      const frame = open.at(-1);
      switch (token) {
        case NOP:
          break;
        case BEGIN_NODE: {
          if (root !== null && frame === undefined) throw misplaced(at, 'END', 'a second root node');
          const node = this.#beginNode(at, frame);
          root ??= node;
          if (open.length >= limits.fdtDepth) {
            throw overLimit('FDT-018', at, 'nodes nested too deeply', limits.fdtDepth);
          }
          open.push({ node, propertyNames: new Set(), childNames: new Set() });
          break;
        }
        case PROP:
          if (frame === undefined) throw misplaced(at, 'BEGIN_NODE or END', 'a property outside of any node');
          this.#property(at, frame);
          break;
        case END_NODE:
          if (open.pop() === undefined)
            throw misplaced(at, 'BEGIN_NODE or END', 'END_NODE outside of any node');
          break;
        case END:
          if (frame !== undefined) {
            throw misplaced(at, `END_NODE of ${frame.node.path}`, 'END inside a node');
          }
          if (root === null) throw misplaced(at, 'BEGIN_NODE', 'END before any node');
          return root;
        default:
          throw new Trouble('FDT-011', 'unknown token in the structure block', {
            at: { offsetBytes: at },
            expected: '1, 2, 3, 4 or 9',
            actual: `0x${token.toString(16)}`,
          });
      }
    }
  }

  #beginNode(at: number, frame: Frame | undefined): OpenNode {
    const nameAt = this.position;
    const end = this.#endOfName(nameAt, this.#end, 'FDT-013', 'a node name');
    const name = this.#ascii(nameAt, end, 'FDT-013');
    this.position = align4(end + 1);
    const parent = frame?.node ?? null;
    if (frame !== undefined) {
      if (name === '') throw new Trouble('FDT-013', 'a node without a name', { at: { offsetBytes: nameAt } });
      if (frame.childNames.has(name)) {
        throw new Trouble('FDT-016', `two nodes are called ${name}`, {
          at: { offsetBytes: at },
          expected: `one node ${name} in ${frame.node.path}`,
          actual: 'a second one',
          hint: 'rename one: a path must lead to one node',
        });
      }
      frame.childNames.add(name);
    }
    if (this.nodes.length >= limits.fdtNodes) {
      throw overLimit('FDT-019', at, 'too many nodes', limits.fdtNodes);
    }
    const path = parent === null ? '/' : parent.parent === null ? `/${name}` : `${parent.path}/${name}`;
    const node: OpenNode = { name, path, parent, properties: [], children: [], offsetBytes: at };
    frame?.node.children.push(node);
    this.nodes.push(node);
    return node;
  }

  #property(at: number, frame: Frame): void {
    const { node } = frame;
    // Readers that stop at the first child would miss it, others would not: nobody can say what such a tree means.
    if (node.children.length > 0)
      throw misplaced(at, 'BEGIN_NODE or END_NODE', 'a property after a child node');
    const lengthBytes = this.#u32('a property length');
    const nameAt = this.position;
    const name = this.#propertyName(nameAt, this.#u32('a property name offset'));
    const start = this.position;
    if (lengthBytes > this.#end - start) {
      throw new Trouble('FDT-015', `the value of ${name} runs out of the structure block`, {
        at: { offsetBytes: start },
        expected: `at most ${this.#end - start} bytes`,
        actual: `${lengthBytes} bytes`,
      });
    }
    if (frame.propertyNames.has(name)) {
      throw new Trouble('FDT-017', `two properties are called ${name}`, {
        at: { offsetBytes: at },
        expected: `one property ${name} in ${node.path}`,
        actual: 'a second one',
      });
    }
    frame.propertyNames.add(name);
    this.#properties += 1;
    if (this.#properties > limits.fdtProperties) {
      throw overLimit('FDT-019', at, 'too many properties', limits.fdtProperties);
    }
    node.properties.push({
      name,
      value: this.#blob.subarray(start, start + lengthBytes),
      offsetBytes: start,
    });
    this.position = align4(start + lengthBytes);
  }

  #propertyName(at: number, offset: number): string {
    const known = this.#names.get(offset);
    if (known !== undefined) return known;
    const { strings } = this.#header;
    const start = strings.start + offset;
    if (start >= strings.end) {
      throw new Trouble('FDT-014', 'a property name offset leads out of the strings block', {
        at: { offsetBytes: at },
        expected: `below 0x${(strings.end - strings.start).toString(16)}`,
        actual: `0x${offset.toString(16)}`,
      });
    }
    const end = this.#endOfName(start, strings.end, 'FDT-014', 'a property name');
    const name = this.#ascii(start, end, 'FDT-014');
    if (name === '') {
      throw new Trouble('FDT-014', 'a property without a name', { at: { offsetBytes: at } });
    }
    this.#names.set(offset, name);
    return name;
  }

  /** Offset of the NUL that ends a name. */
  #endOfName(start: number, blockEnd: number, code: string, what: string): number {
    const stop = Math.min(blockEnd, start + limits.fdtNameBytes + 1);
    for (let at = start; at < stop; at += 1) if (this.#blob[at] === 0) return at;
    throw new Trouble(code, `${what} does not end`, {
      at: { offsetBytes: start },
      expected: `a NUL within ${limits.fdtNameBytes} bytes and inside its block`,
      actual: `${stop - start} bytes without one`,
    });
  }

  #ascii(start: number, end: number, code: string): string {
    let text = '';
    for (let at = start; at < end; at += 1) {
      const byte = this.#blob[at]!;
      // A slash would forge a path; control bytes and blanks cannot be printed as one word.
      if (byte <= 0x20 || byte >= 0x7f || byte === 0x2f) {
        throw new Trouble(code, 'a name holds a character that names cannot have', {
          at: { offsetBytes: at },
          expected: 'printable ASCII without blank and slash',
          actual: `0x${byte.toString(16).padStart(2, '0')}`,
        });
      }
      text += String.fromCharCode(byte);
    }
    return text;
  }

  #u32(what: string): number {
    if (this.position + 4 > this.#end) {
      throw new Trouble('FDT-010', 'the structure block ends early', {
        at: { offsetBytes: this.position },
        expected: what,
        actual: `${Math.max(0, this.#end - this.position)} bytes`,
        hint: 'the file is incomplete; copy it again',
      });
    }
    const value = this.#view.getUint32(this.position);
    this.position += 4;
    return value;
  }
}

function readReservations(view: DataView, start: number): readonly FdtReservation[] {
  const found: FdtReservation[] = [];
  for (let at = start; at + 16 <= view.byteLength; at += 16) {
    const address = view.getBigUint64(at);
    const sizeBytes = view.getBigUint64(at + 8);
    if (address === 0n && sizeBytes === 0n) return found;
    found.push({ address, sizeBytes });
  }
  throw new Trouble('FDT-007', 'the memory reservation list does not end', {
    at: { offsetBytes: start },
    expected: 'a pair 0, 0 inside the blob',
    actual: `${found.length} pairs without one`,
  });
}

/** `phandle` and the old `linux,phandle` both name a node; 0 and 0xffffffff name nothing. */
function indexPhandles(nodes: readonly FdtNode[]): ReadonlyMap<number, FdtNode> {
  const index = new Map<number, FdtNode>();
  for (const node of nodes) {
    for (const property of node.properties) {
      if (property.name !== 'phandle' && property.name !== 'linux,phandle') continue;
      if (property.value.length !== 4) continue;
      const [a, b, c, d] = property.value as unknown as [number, number, number, number];
      const phandle = ((a << 24) | (b << 16) | (c << 8) | d) >>> 0;
      if (phandle !== 0 && phandle !== 0xffffffff && !index.has(phandle)) index.set(phandle, node);
    }
  }
  return index;
}

function align4(offset: number): number {
  return Math.ceil(offset / 4) * 4;
}

function misplaced(offsetBytes: number, expected: string, actual: string): Trouble {
  return new Trouble('FDT-012', 'a token out of place in the structure block', {
    at: { offsetBytes },
    expected,
    actual,
  });
}

function overLimit(code: string, offsetBytes: number, message: string, limit: number): Trouble {
  return new Trouble(code, message, { at: { offsetBytes }, expected: `at most ${limit}`, actual: 'more' });
}
