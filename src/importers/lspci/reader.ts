import { limits } from '../../base/limits.js';
import { reg } from '../../pci/header.js';
import type { PastedLine } from '../paste/line.js';
import type { Spoken } from '../paste/prefix.js';
import type { Facts } from '../text/facts.js';
import { KnownConfig } from '../text/known-config.js';
import type { LineReader } from '../text/line-reader.js';
import { readName } from '../text/names.js';
import { type Block, BlockReader } from './block.js';
import { decodeBlock } from './decode.js';
import { isTreeLine, TreeReader } from './tree.js';

/**
 * Reads what lspci prints, in any of its forms. The first listing of a function says what its registers held; one that
 * says something else later is of another moment or another boot and becomes an event.
 */
export class LspciLines implements LineReader {
  readonly kind = 'of lspci';
  readonly format = 'lspci';
  readonly #facts: Facts;
  readonly #blocks: BlockReader;
  readonly #tree: TreeReader;
  #functions = 0;

  constructor(facts: Facts) {
    this.#facts = facts;
    this.#blocks = new BlockReader((block) => this.#listed(block));
    this.#tree = new TreeReader((name, behind) => {
      const config = new KnownConfig();
      if (behind !== null) {
        config.tell(reg.headerType, 1, 1, 0x7f);
        config.tell(reg.secondaryBus, 1, behind.secondary).tell(reg.subordinateBus, 1, behind.subordinate);
      }
      facts.function({ name, config });
    });
  }

  take({ text }: PastedLine, { voice }: Spoken): boolean {
    if (voice !== null && voice !== 'qemu') return false;
    if (isTreeLine(text)) {
      this.#blocks.close();
      return this.#tree.take(text);
    }
    return this.#blocks.take(text) || ORPHAN.test(text);
  }

  pause(): void {
    this.#blocks.close();
    this.#tree.end();
  }

  #listed(block: Block): void {
    const name = readName(block.name);
    if (name === null || this.#functions >= limits.listedFunctions) return;
    this.#functions += 1;
    this.#facts.function({ name, title: titleOf(block.title), config: decodeBlock(block) });
  }
}

/** A line of a block whose head was cut off: of which function it is nobody knows. */
const ORPHAN =
  /^\s*(?:(?:Control|Status|Secondary status|BridgeCtl|DevCtl|DevSta):|Region \d: )(?=.*\w[+-]|.*\[size=)/;

/** What people call it: without class, ids and revision. */
const titleOf = (title: string): string =>
  title
    .replace(/^[^:]*: /, '')
    .replace(/ \[[0-9a-f]{4}:[0-9a-f]{4}\]/gi, '')
    .replace(/ \((?:rev|prog-if) [^)]*\)/g, '')
    .slice(0, 120);
