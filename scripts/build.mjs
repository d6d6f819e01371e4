// Compiles src, replay and the runners into dist. A script of its own because `prepare` must work on every shell.
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync } from 'node:fs';

const tsc = spawnSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json'], {
  stdio: 'inherit',
});
if (tsc.status !== 0) process.exit(tsc.status ?? 1);
const main = 'dist/src/cli/main.js';
if (existsSync(main)) chmodSync(main, 0o755);
