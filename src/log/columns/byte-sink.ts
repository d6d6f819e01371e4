import { BlockBudget } from './block-budget.js';

/** Growing byte buffer for the columns of one block. Slices stay valid until `reset`, also across growth. */
export class ByteSink {
  bytes: Uint8Array<ArrayBuffer>;
  at = 0;
  /** What the columns since `reset` become when they are read. */
  readonly budget = new BlockBudget();

  constructor(capacityBytes = 1 << 18) {
    this.bytes = new Uint8Array(capacityBytes);
  }

  reset(): void {
    this.budget.reset();
    this.at = 0;
  }

  /** Makes room for `sizeBytes` more; earlier slices keep pointing into the buffer they were cut from. */
  reserve(sizeBytes: number): void {
    if (this.at + sizeBytes <= this.bytes.length) return;
    this.bytes = new Uint8Array(Math.max(this.bytes.length * 2, sizeBytes * 2));
    this.at = 0;
  }
}
