import type { FrameRange } from '../../../src/models/xen/vpci/frames.js';

/** Release in Xen's banner or in `xl info`, as `4.17.7`; null when there is none. */
export function xenRelease(text: string): string | null {
  return (
    /^\(XEN\).* Xen version (\d+\.\d+(?:\.\d+)?)|^xen_version\s*: (\d+\.\d+(?:\.\d+)?)/m
      .exec(text)
      ?.slice(1)
      .find((release) => release !== undefined) ?? null
  );
}

/** Frames of every range of the memory map Xen printed at boot. */
export function hostMemory(log: string): FrameRange[] {
  const ranges: FrameRange[] = [];
  let inMap = false;
  for (const line of log.split('\n')) {
    if (line.includes('Xen-e820 RAM map')) {
      inMap = true;
      continue;
    }
    if (!inMap) continue;
    const range = /\[([0-9a-f]{16}), ([0-9a-f]{16})\] \(/.exec(line);
    if (range === null) break;
    const frame = (text: string): number => Math.floor(Number.parseInt(text, 16) / 4096);
    ranges.push({ first: frame(range[1]!), last: frame(range[2]!) });
  }
  return ranges;
}

/** Functions of segment 0 that Xen says were removed, as `bb:dd.f`. */
export function removedFunctions(log: string): ReadonlySet<string> {
  const lines = log.matchAll(/^\(XEN\).*PCI remove device 0000:([0-9a-f]{2}:[0-9a-f]{2}\.[0-7])/gm);
  return new Set([...lines].map((line) => line[1]!));
}
