import { Trouble } from '../base/errors.js';
import { parseInteger } from '../base/hex.js';
import type { EventLine, Json } from './present.js';
import { checkValue, knownField } from './where-fields.js';

/** Whether an event, as `show --json` writes it, is wanted. */
export type Predicate = (line: EventLine) => boolean;

type Operator = '==' | '!=' | '<' | '<=' | '>' | '>=' | '~';
type Token =
  | { readonly is: 'word' | 'text'; readonly value: string; readonly at: number }
  | { readonly is: 'sign'; readonly value: string; readonly at: number };

const envelope: ReadonlySet<string> = new Set(['seq', 'atNs', 'kind', 'role', 'origin', 'by', 'cause']);
const operators: ReadonlySet<string> = new Set(['==', '!=', '<', '<=', '>', '>=', '~']);
/** Nesting of parentheses and `!`. */
const DEPTH = 64;

/**
 * Compiles a filter: `kind == config.completed && (value >= 0x10 || !function)`. Fields are those of the event line;
 * payload fields may be written with or without `data.`. `==` and `!=` compare numbers as numbers whatever their
 * base, everything else as text; `~` asks whether a text is contained; a bare field asks whether it is there and not
 * null, false, 0 or empty.
 * @throws {Trouble} WHERE-001 it cannot be read, WHERE-002 no such field, WHERE-003 the field never has such a value; with
 *   the offset
 */
export function compileWhere(text: string): Predicate {
  const parser = new Parser(tokens(text), text);
  const predicate = parser.either(0);
  parser.end();
  return predicate;
}

const LEXER = /\s*(?:"([^"]*)"|'([^']*)'|(&&|\|\||==|!=|<=|>=|[<>~!()])|([^\s"'&|=!<>~()]+))/y;

function tokens(text: string): Token[] {
  const result: Token[] = [];
  LEXER.lastIndex = 0;
  while (LEXER.lastIndex < text.length) {
    const at = LEXER.lastIndex;
    const match = LEXER.exec(text);
    if (match === null) {
      if (text.slice(at).trim() === '') break;
      throw wrong(text, at, 'a field, a value or an operator');
    }
    const quoted = match[1] ?? match[2];
    if (quoted !== undefined) result.push({ is: 'text', value: quoted, at });
    else if (match[3] !== undefined) result.push({ is: 'sign', value: match[3], at });
    else result.push({ is: 'word', value: match[4]!, at });
  }
  return result;
}

function wrong(text: string, at: number, expected: string): Trouble {
  return new Trouble('WHERE-001', `cannot read the filter "${text}"`, {
    at: { offsetBytes: at },
    expected,
    actual: text.slice(at, at + 20) || 'the end',
    hint: 'as: kind == hypercall.issued && op == pci_device_add',
  });
}

class Parser {
  readonly #tokens: readonly Token[];
  readonly #text: string;
  #next = 0;

  constructor(list: readonly Token[], text: string) {
    this.#tokens = list;
    this.#text = text;
  }

  either(depth: number): Predicate {
    const parts = [this.#all(depth)];
    while (this.#takes('||')) parts.push(this.#all(depth));
    return parts.length === 1 ? parts[0]! : (line) => parts.some((part) => part(line));
  }

  end(): void {
    const rest = this.#tokens[this.#next];
    if (rest !== undefined) throw wrong(this.#text, rest.at, '&& or ||');
  }

  #all(depth: number): Predicate {
    const parts = [this.#one(depth)];
    while (this.#takes('&&')) parts.push(this.#one(depth));
    return parts.length === 1 ? parts[0]! : (line) => parts.every((part) => part(line));
  }

  #one(depth: number): Predicate {
    if (depth > DEPTH) throw wrong(this.#text, this.#at(), `at most ${DEPTH} levels`);
    if (this.#takes('!')) {
      const inner = this.#one(depth + 1);
      return (line) => !inner(line);
    }
    if (this.#takes('(')) {
      const inner = this.either(depth + 1);
      if (!this.#takes(')')) throw wrong(this.#text, this.#at(), ')');
      return inner;
    }
    return this.#comparison();
  }

  #comparison(): Predicate {
    const field = this.#tokens[this.#next];
    if (field === undefined || field.is !== 'word') throw wrong(this.#text, this.#at(), 'a field');
    this.#next += 1;
    const known = knownField(field.value, { offsetBytes: field.at });
    const read = reader(field.value);
    const sign = this.#tokens[this.#next];
    if (sign === undefined || sign.is !== 'sign' || !operators.has(sign.value)) {
      return (line) => Boolean(read(line));
    }
    this.#next += 1;
    const value = this.#tokens[this.#next];
    if (value === undefined || value.is === 'sign') throw wrong(this.#text, this.#at(), 'a value');
    this.#next += 1;
    checkValue(field.value, known, sign.value, value.value, { offsetBytes: value.at });
    const holds = comparison(sign.value as Operator, value.value);
    return (line) => holds(read(line));
  }

  #takes(sign: string): boolean {
    const token = this.#tokens[this.#next];
    if (token?.is !== 'sign' || token.value !== sign) return false;
    this.#next += 1;
    return true;
  }

  #at(): number {
    return this.#tokens[this.#next]?.at ?? this.#text.length;
  }
}

function reader(field: string): (line: EventLine) => Json | undefined {
  const path = field.split('.');
  if (path.length === 1 && envelope.has(field)) return (line) => line[field as 'seq'];
  // `data` alone is the payload field of that name.
  const inside = path[0] === 'data' && path.length > 1 ? path.slice(1) : path;
  return (line) => {
    let value: Json | undefined = line.data as Json;
    for (const name of inside) {
      if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
      value = (value as Readonly<Record<string, Json>>)[name];
    }
    return value;
  };
}

const asNumber = (value: Json | undefined): number | null =>
  typeof value === 'number' ? value : typeof value === 'string' ? parseInteger(value) : null;
const asText = (value: Json | undefined): string =>
  value === undefined || value === null
    ? 'null'
    : typeof value === 'object'
      ? JSON.stringify(value)
      : String(value);

function comparison(operator: Operator, literal: string): (value: Json | undefined) => boolean {
  const wanted = /^-\d+$/.test(literal) ? Number(literal) : parseInteger(literal);
  const equal = (value: Json | undefined): boolean => {
    const number = wanted === null ? null : asNumber(value);
    return number === null ? asText(value) === literal : number === wanted;
  };
  const ordered = (holds: (difference: number) => boolean) => (value: Json | undefined) => {
    const number = asNumber(value);
    return number !== null && wanted !== null && holds(number - wanted);
  };
  switch (operator) {
    case '==':
      return equal;
    case '!=':
      return (value) => !equal(value);
    case '~':
      return (value) => asText(value).includes(literal);
    case '<':
      return ordered((difference) => difference < 0);
    case '<=':
      return ordered((difference) => difference <= 0);
    case '>':
      return ordered((difference) => difference > 0);
    case '>=':
      return ordered((difference) => difference >= 0);
  }
}
