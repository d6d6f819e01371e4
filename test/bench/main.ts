import { benchIoreq } from './ioreq.js';
import { benchIts } from './its.js';
import { benchLog, type Figure } from './log.js';
import { benchReplay } from './replay.js';

// node dist/test/bench/main.js [--events N] [--json]: figures of this machine, in plain Node.
const at = process.argv.indexOf('--events');
const count = at < 0 ? 1_000_000 : Number(process.argv[at + 1]);
if (!Number.isSafeInteger(count) || count < 1) {
  process.stderr.write('usage: bench [--events N] [--json]\n');
  process.exit(2);
}

const benches: ((count: number) => Figure[])[] = [benchLog, benchReplay, benchIts, benchIoreq];
const figures = benches.flatMap((bench) => bench(count));
figures.push({
  name: 'peak memory of this process',
  value: process.resourceUsage().maxRSS / 1024,
  unit: 'MiB',
});

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
