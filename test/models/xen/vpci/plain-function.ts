import {
  type BuildPorts,
  buildDevice,
  rawRead,
  rawWrite,
  readDevice,
  writeDevice,
} from '../../../../src/models/xen/vpci/device.js';
import { vpciFeatures } from '../../../../src/models/xen/vpci/features.js';
import type { InterruptRequest, VpciPorts } from '../../../../src/models/xen/vpci/ports.js';
import type { PlatformFunction } from '../../../../src/platform/platform.js';
import { currentBehaviour } from '../../../../src/policy/behaviours.js';
import type { XenRelease } from '../../../../src/policy/releases.js';
import { defaultSwitches } from '../../../../src/policy/switches.js';
import { changeVpci, type VpciDevice } from '../../../../src/state/vpci.js';

/** One access that reached the function's own registers. */
export interface HardwareAccess {
  readonly dir: 'read' | 'write';
  readonly reg: number;
  readonly value: number;
}

interface Options {
  readonly xen?: XenRelease;
  readonly arch?: 'x86_64' | 'arm64';
  readonly isHardwareDomain?: boolean;
  readonly interrupt?: (request: InterruptRequest) => number;
  readonly map?: VpciPorts['map'];
  readonly defersMapping?: boolean;
}

/** vPCI over the registers of one function and nothing else: no events, no other devices. */
export class PlainFunction {
  readonly accesses: HardwareAccess[] = [];
  device: VpciDevice;
  #isAttached = true;
  readonly #bytes: Uint8Array;
  readonly #image: PlatformFunction;
  readonly #ports: VpciPorts;
  readonly #base: BuildPorts;

  constructor(image: PlatformFunction, options: Options = {}) {
    this.#image = image;
    this.#bytes = Uint8Array.from(image.config);
    const base: BuildPorts = {
      features: vpciFeatures({
        switches: { ...defaultSwitches, xen: options.xen ?? defaultSwitches.xen },
        behaviour: currentBehaviour,
      }),
      arch: options.arch ?? 'x86_64',
      isHardwareDomain: options.isHardwareDomain ?? true,
      hasExtendedConfig: image.config.length > 256,
      ignoresBars: false,
      defersMapping: options.defersMapping ?? false,
      hwRead: (reg, size) => this.hardwareRead(reg, size),
      hwWrite: (reg, size, value) => this.hardwareWrite(reg, size, value),
      map: options.map ?? (() => 0),
      mappedBars: () => [],
      hostMemory: () => [],
      interrupt: options.interrupt ?? (() => 0),
      warn: () => {},
    };
    this.#base = base;
    this.device = this.#build(base);
    this.#ports = {
      ...base,
      device: () => this.device,
      change: (part, index, fields) => changeVpci(this.device, part, index, fields),
    };
  }

  #build(base: BuildPorts): VpciDevice {
    const built = buildDevice(base, 1, null);
    if (typeof built === 'number') throw new Error(`not built: ${built}`);
    return built;
  }

  /** Xen forgets the function: the domain's accesses are raw from here on. */
  detach(): void {
    this.#isAttached = false;
  }

  /** Xen sets it up again while the domain runs. */
  attach(): void {
    this.#isAttached = true;
    this.device = this.#build({ ...this.#base, defersMapping: true });
  }

  /** The domain's access. */
  read(reg: number, size: number): number {
    return this.#isAttached ? readDevice(this.#ports, reg, size) : rawRead(this.#ports, reg, size);
  }

  write(reg: number, size: number, value: number): number {
    if (this.#isAttached) return writeDevice(this.#ports, reg, size, value);
    rawWrite(this.#ports, reg, size, value);
    return 0;
  }

  /** What the registers hold; beyond the space all ones, and nobody notices. */
  hardwareRead(reg: number, size: number): number {
    let value = 0;
    for (let i = 0; i < size; i++) value += (this.#bytes[reg + i] ?? 0xff) * 2 ** (8 * i);
    if (reg < this.#bytes.length) this.accesses.push({ dir: 'read', reg, value });
    return value;
  }

  hardwareWrite(reg: number, size: number, value: number): void {
    if (reg < this.#bytes.length) this.accesses.push({ dir: 'write', reg, value });
    for (let i = 0; i < size && reg + i < this.#bytes.length; i++) {
      const data = Math.floor(value / 2 ** (8 * i)) & 0xff;
      const writable = this.#image.writeMask?.[reg + i] ?? 0;
      const clears = (this.#image.clearMask?.[reg + i] ?? 0) & data;
      this.#bytes[reg + i] = ((this.#bytes[reg + i]! & ~writable) | (data & writable)) & ~clears;
    }
  }
}
