import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { functionsOf, type Measure } from './functions.js';
import { root, sources } from './imports.js';

/** Lines of a function that need no reason. */
const LONG_LINES = 60;
/** Parameters of a function that need no reason. */
const MANY_PARAMETERS = 5;

/**
 * What there is of functions beyond those sizes. The numbers may go down and never up: whoever shortens a function
 * writes the new one here.
 */
const ratchet = { longest: 76, long: 6, mostParameters: 8, many: 54 };

const sizes = (functions: readonly Measure[]): typeof ratchet => ({
  longest: Math.max(...functions.map(({ lines }) => lines)),
  long: functions.filter(({ lines }) => lines > LONG_LINES).length,
  mostParameters: Math.max(...functions.map(({ parameters }) => parameters)),
  many: functions.filter(({ parameters }) => parameters > MANY_PARAMETERS).length,
});

describe('functions', () => {
  const all = [...sources('src'), ...sources('replay')].flatMap((file) =>
    functionsOf(file, readFileSync(join(root, file), 'utf8')),
  );

  it('grow neither longer nor hungrier, and the ratchet is where they are', () => {
    expect(sizes(all)).toEqual(ratchet);
  });

  it('would show a longer one and one with more parameters', () => {
    const long = functionsOf('long.ts', `function long() {\n${'  f();\n'.repeat(ratchet.longest)}}\n`);
    expect(long).toEqual([{ name: 'long', line: 1, lines: ratchet.longest + 2, parameters: 0 }]);
    expect(sizes([...all, ...long])).toEqual({
      ...ratchet,
      longest: ratchet.longest + 2,
      long: ratchet.long + 1,
    });
    const names = Array.from({ length: ratchet.mostParameters + 1 }, (_, i) => `p${i}: number`).join(', ');
    const hungry = functionsOf('hungry.ts', `class A { hungry(${names}): void {} }`);
    expect(sizes([...all, ...hungry])).toEqual({
      ...ratchet,
      mostParameters: ratchet.mostParameters + 1,
      many: ratchet.many + 1,
    });
  });

  it('are seen as arrows, methods and constructors too, and not as types', () => {
    const text =
      'type F = (a: 1) => 2;\nclass A { constructor(a: 1) {} get b() { return (c: 1, d: 2) => c; } }';
    expect(functionsOf('a.ts', text).map(({ name, parameters }) => `${name} ${parameters}`)).toEqual([
      'a function without a name 1',
      'b 0',
      'a function without a name 2',
    ]);
  });
});
