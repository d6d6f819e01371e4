/** A node to be flattened. */
export interface NodeSpec {
  readonly name: string;
  readonly properties?: readonly (readonly [string, Uint8Array])[];
  readonly children?: readonly NodeSpec[];
}

/** How the blob deviates from what `dtc` writes. */
export interface BlobShape {
  readonly version?: 16 | 17;
  /** Order of the three blocks in the file. */
  readonly order?: readonly ('reservations' | 'structure' | 'strings')[];
  /** Bytes behind the last block that still count into totalsize. */
  readonly paddingBytes?: number;
  /** Tokens in place of the ones made from the root node. */
  readonly tokens?: Uint8Array;
}

export const cells = (...values: readonly number[]): Uint8Array => {
  const bytes = new Uint8Array(values.length * 4);
  const view = new DataView(bytes.buffer);
  values.forEach((value, index) => {
    view.setUint32(index * 4, value >>> 0);
  });
  return bytes;
};

export const texts = (...values: readonly string[]): Uint8Array =>
  new TextEncoder().encode(values.map((value) => `${value}\0`).join(''));

/** A small writer of flattened trees, for trees that `dtc` refuses to write. */
export function flatten(root: NodeSpec, shape: BlobShape = {}): Uint8Array {
  const strings = new Map<string, number>();
  let stringBytes = 0;
  const parts: Uint8Array[] = [];
  const write = (node: NodeSpec): void => {
    parts.push(cells(1), padded(texts(node.name)));
    for (const [name, value] of node.properties ?? []) {
      if (!strings.has(name)) {
        strings.set(name, stringBytes);
        stringBytes += name.length + 1;
      }
      parts.push(cells(3, value.length, strings.get(name)!), padded(value));
    }
    for (const child of node.children ?? []) write(child);
    parts.push(cells(2));
  };
  write(root);
  parts.push(cells(9));

  const version = shape.version ?? 17;
  const blocks = {
    reservations: new Uint8Array(16),
    structure: shape.tokens ?? concat(parts),
    strings: texts(...strings.keys()),
  };
  const headerBytes = 40;
  const at: Record<string, number> = {};
  let end = headerBytes;
  for (const name of shape.order ?? (['reservations', 'structure', 'strings'] as const)) {
    end = Math.ceil(end / 8) * 8;
    at[name] = end;
    end += blocks[name].length;
  }
  const blob = new Uint8Array(end + (shape.paddingBytes ?? 0));
  const { reservations, structure, strings: names } = blocks;
  const sizes = version === 17 ? [names.length, structure.length] : [names.length];
  const offsets = [at['structure']!, at['strings']!, at['reservations']!];
  blob.set(cells(0xd00dfeed, blob.length, ...offsets, version, 16, 0, ...sizes));
  blob.set(reservations, at['reservations']!);
  blob.set(structure, at['structure']!);
  blob.set(names, at['strings']!);
  return blob;
}

export function concat(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

export function padded(value: Uint8Array): Uint8Array {
  return concat([value, new Uint8Array((4 - (value.length % 4)) % 4)]);
}

/** A generic ECAM host bridge of 1 MiB at `address`, with more properties after its own. */
export function ecamBridge(address: number, properties: NodeSpec['properties'] = []): NodeSpec {
  return {
    name: `pcie@${address.toString(16)}`,
    properties: [
      ['device_type', texts('pci')],
      ['compatible', texts('pci-host-ecam-generic')],
      ['#address-cells', cells(3)],
      ['#size-cells', cells(2)],
      ['reg', cells(Math.floor(address / 2 ** 32), address, 0, 0x100000)],
      ['bus-range', cells(0, 0)],
      ...properties,
    ],
  };
}

/** A root with two-cell addresses and sizes. */
export function rootOf(children: readonly NodeSpec[], properties: NodeSpec['properties'] = []): NodeSpec {
  return {
    name: '',
    properties: [['#address-cells', cells(2)], ['#size-cells', cells(2)], ...properties],
    children,
  };
}
