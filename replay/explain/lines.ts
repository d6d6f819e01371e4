import { limits } from '../../src/base/limits.js';
import { digestText, sha256 } from '../../src/log/digest.js';

/** Lines said about one thing: the first of them as they are, the others counted. */
export class Lines {
  readonly #first: string[] = [];
  #characters = 0;
  #more = 0;
  /** Tells the lines that are only counted from others. */
  #digest = '';

  add(line: string): void {
    this.#characters += line.length;
    if (this.#first.length < limits.whatIfLines && this.#characters <= limits.whatIfCharacters) {
      this.#first.push(line);
    } else {
      this.#more += 1;
      this.#digest = digestText(sha256(new TextEncoder().encode(`${this.#digest}${line}`)));
    }
  }

  /** One after the other. Two texts are equal when all lines are. */
  get text(): string {
    const first = this.#first.join(', ');
    return this.#more === 0 ? first : `${first}, and ${this.#more} more (${this.#digest.slice(0, 16)})`;
  }

  /** The lines, with what is only counted as the last one. */
  get list(): readonly string[] {
    return this.#more === 0 ? this.#first : [...this.#first, `and ${this.#more} more`];
  }
}
