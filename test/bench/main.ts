import { beside } from './beside.js';
import { benchIoreq } from './ioreq.js';
import { benchIts } from './its.js';
import { benchLog, type Figure } from './log.js';
import { benchReplay } from './replay.js';

// node dist/test/bench/main.js [--events N] [--json]: figures of this machine, in plain Node.
// … --beside DIR [--rounds N]: the same in turns with the build of another checkout, medians beside each other.
const given = (option: string): string | undefined => {
  const found = process.argv.indexOf(option);
  return found < 0 ? undefined : process.argv[found + 1];
};
const at = process.argv.indexOf('--events');
const count = at < 0 ? 1_000_000 : Number(process.argv[at + 1]);
if (!Number.isSafeInteger(count) || count < 1) {
  process.stderr.write('usage: bench [--events N] [--json] [--beside DIR [--rounds N]]\n');
  process.exit(2);
}

const other = given('--beside');
if (other !== undefined) {
  for (const { name, unit, ours, theirs, ratio } of beside(other, count, Number(given('--rounds') ?? 3))) {
    const [mine, its] = [ours, theirs].map((value) => value.toFixed(value < 10 ? 2 : 1).padStart(10));
    process.stdout.write(`${mine} ${its} ${ratio.toFixed(2).padStart(6)} ${unit.padEnd(12)} ${name}\n`);
  }
  process.exit(0);
}

const benches: { readonly name: string; readonly bench: (count: number) => Figure[] }[] = [
  { name: 'log', bench: benchLog },
  { name: 'replay', bench: benchReplay },
  { name: 'MSIs', bench: benchIts },
  { name: 'device models', bench: benchIoreq },
];
const peakMiB = (): number => process.resourceUsage().maxRSS / 1024;
const figures = benches.flatMap(({ name, bench }) => [
  ...bench(count),
  { name: `peak memory of this process up to here: ${name}`, value: peakMiB(), unit: 'MiB' },
]);

if (process.argv.includes('--json')) {
  process.stdout.write(
    `${JSON.stringify({ schema: 'bench/1', node: process.version, events: count, figures })}\n`,
  );
} else {
  process.stdout.write(`${count} events, Node ${process.version}\n`);
  for (const { name, value, unit } of figures) {
    process.stdout.write(`${value.toFixed(value < 10 ? 2 : 1).padStart(10)} ${unit.padEnd(12)} ${name}\n`);
  }
}
