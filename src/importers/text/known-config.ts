import { CONVENTIONAL_CONFIG_BYTES, EXTENDED_CONFIG_BYTES } from '../../pci/header.js';

/** Configuration space as far as a text says it: bits nobody spoke of are unknown, and stay so. */
export class KnownConfig {
  #config = new Uint8Array(CONVENTIONAL_CONFIG_BYTES);
  #known = new Uint8Array(CONVENTIONAL_CONFIG_BYTES);

  /** Bits 0 on of `config` that are known, per byte. */
  get known(): Uint8Array {
    return this.#known;
  }

  get config(): Uint8Array {
    return this.#config;
  }

  get isEmpty(): boolean {
    return this.#known.every((bits) => bits === 0);
  }

  /**
   * Some bits of a register of 1 to 4 bytes. What is outside of the space is passed over: the text is somebody's.
   * @param bits The bits that `value` tells.
   */
  tell(reg: number, sizeBytes: number, value: number, bits = 2 ** (8 * sizeBytes) - 1): this {
    if (!Number.isInteger(reg) || reg < 0 || reg + sizeBytes > EXTENDED_CONFIG_BYTES) return this;
    if (reg + sizeBytes > this.#config.length) this.#grow();
    for (let i = 0; i < sizeBytes; i++) {
      const mask = Math.floor(bits / 2 ** (8 * i)) & 0xff;
      const byte = Math.floor(value / 2 ** (8 * i)) & mask;
      this.#config[reg + i] = (this.#config[reg + i]! & ~mask) | byte;
      this.#known[reg + i]! |= mask;
    }
    return this;
  }

  #grow(): void {
    const [config, known] = [new Uint8Array(EXTENDED_CONFIG_BYTES), new Uint8Array(EXTENDED_CONFIG_BYTES)];
    config.set(this.#config);
    known.set(this.#known);
    this.#config = config;
    this.#known = known;
  }
}
