import { type CallerSbdf, parseSbdf } from '../../../src/pci/sbdf.js';

/** Configuration space of each function in an `lspci -D -xxxx` listing, by packed name. */
export function configSpaces(text: string): Map<CallerSbdf, Uint8Array> {
  const found = new Map<CallerSbdf, Uint8Array>();
  let bytes: number[] = [];
  let name: CallerSbdf | null = null;
  const close = (): void => {
    if (name !== null && bytes.length >= 64) {
      const image = new Uint8Array(bytes.length > 256 ? 4096 : 256);
      image.set(bytes.slice(0, image.length));
      found.set(name, image);
    }
    name = null;
    bytes = [];
  };
  for (const line of text.split('\n')) {
    const head = /^([0-9a-f]{4,}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]) /.exec(line);
    if (head !== null) {
      close();
      name = parseSbdf<CallerSbdf>(head[1]!);
      continue;
    }
    const row = /^([0-9a-f]{2,3}): ((?:[0-9a-f]{2} ?)+)\s*$/.exec(line);
    if (row === null || Number.parseInt(row[1]!, 16) !== bytes.length) continue;
    bytes.push(
      ...row[2]!
        .trim()
        .split(' ')
        .map((pair) => Number.parseInt(pair, 16)),
    );
  }
  close();
  return found;
}

/** Offset of a capability in an image; 0 when there is none. */
export function capabilityIn(image: Uint8Array, id: number): number {
  if ((image[0x06]! & 0x10) === 0) return 0;
  for (let at = image[0x34]! & ~3, step = 0; at >= 0x40 && step < 48; at = image[at + 1]! & ~3, step++)
    if (image[at] === id) return at;
  return 0;
}

/**
 * A snapshot was taken while drivers ran; at power-on neither MSI nor MSI-X is on, and nothing is masked
 * (facts/xen 3.1: Xen itself puts that right when it makes the device's object).
 */
export function asAtPowerOn(image: Uint8Array): Uint8Array {
  const fresh = image.slice();
  const msi = capabilityIn(fresh, 0x05);
  if (msi !== 0) fresh[msi + 2] = fresh[msi + 2]! & ~1;
  const msix = capabilityIn(fresh, 0x11);
  if (msix !== 0) fresh[msix + 3] = fresh[msix + 3]! & ~0xc0;
  return fresh;
}

/**
 * Bits of a function that software changes and the models look at: command, MSI-X control, the SR-IOV switch and the number
 * of virtual functions. */
export function writable(image: Uint8Array): Uint8Array {
  const mask = new Uint8Array(image.length);
  mask[0x04] = 0x47;
  mask[0x05] = 0x05;
  const msix = capabilityIn(image, 0x11);
  if (msix !== 0) mask[msix + 3] = 0xc0;
  const sriov = extendedCapabilityIn(image, 0x10);
  if (sriov !== 0) {
    mask[sriov + 0x08] = 0x1f;
    // NumVFs.
    mask.fill(0xff, sriov + 0x10, sriov + 0x12);
  }
  return mask;
}

/**
 * Turns on what a driver turns on before it asks for interrupts: memory decode, and all virtual functions there are, as
 * Dom0 does in the recordings (NumVFs first, then the switch).
 */
export function turnOn(image: Uint8Array): void {
  image[0x04] = image[0x04]! | 2;
  const sriov = extendedCapabilityIn(image, 0x10);
  if (sriov === 0) return;
  image[sriov + 0x08] = image[sriov + 0x08]! | 9;
  image[sriov + 0x10] = image[sriov + 0x0e]!;
  image[sriov + 0x11] = image[sriov + 0x0f]!;
}

/** Offset of an extended capability in an image; 0 when there is none. */
export function extendedCapabilityIn(image: Uint8Array, id: number): number {
  for (let at = 0x100, step = 0; at >= 0x100 && at + 12 < image.length && step < 480; step++) {
    const header =
      (image[at]! | (image[at + 1]! << 8) | (image[at + 2]! << 16) | (image[at + 3]! << 24)) >>> 0;
    if (header === 0 || header === 0xffff_ffff) return 0;
    if ((header & 0xffff) === id) return at;
    at = (header >>> 20) & ~3;
  }
  return 0;
}

/** A function that takes whatever interrupts are asked of it: 32 MSI vectors, 2,048 MSI-X entries. */
export function unseenFunction(): Uint8Array {
  const image = new Uint8Array(4096);
  image.set([0x02, 0x00, 0x10, 0x00], 0x04);
  image.set([0x00, 0x00, 0x00, 0xf0], 0x10);
  image[0x34] = 0x40;
  image.set([0x05, 0x60, 0x8a, 0x00], 0x40);
  image.set([0x11, 0x00, 0xff, 0x07], 0x60);
  return image;
}
