#!/usr/bin/env node
import { processConsole } from './io.js';
import { runCommand } from './run.js';

process.exitCode = await runCommand(process.argv.slice(2), processConsole);
