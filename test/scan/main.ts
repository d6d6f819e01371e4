import { scenarios } from '../../src/scenarios/index.js';
import { scan } from './scan.js';

// Every scenario under every other value of every axis and switch; the count, then whatever failed.
let [choices, unread, runs] = [0, 0, 0];
const failures: string[] = [];
for (const scenario of scenarios) {
  const scanned = scan(scenario);
  choices += scanned.choices;
  unread += scanned.unread;
  runs += scanned.runs;
  failures.push(...scanned.failures);
  for (const failure of scanned.failures) console.log(failure);
}
console.log(
  `${scenarios.length} scenarios, ${choices} single changes: ${runs} recorded, replayed and taken to the design and back, ${unread} that nobody asks for; ${failures.length} failures`,
);
process.exitCode = failures.length === 0 ? 0 : 1;
