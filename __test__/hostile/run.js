'use strict';

/*
 * node __test__/hostile/run.js [--cases N] [--seed S] [--case K] [--sessions N] [--only NAME]
 *
 * Attacks servers through both ingresses. `--cases` is the number of random conversations of `--seed`, `--case` runs
 * only one of them; `--sessions` is the number of abandoned sessions; `--only` selects files by a part of their name.
 */

const { spawn } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { parseArgs } = require('node:util');

const { values } = parseArgs({
  options: {
    cases: { type: 'string' },
    seed: { type: 'string' },
    case: { type: 'string' },
    sessions: { type: 'string' },
    library: { type: 'string' },
    only: { type: 'string', default: '' },
  },
});

const files = fs
  .readdirSync(__dirname)
  .filter((name) => name.endsWith('.test.js') && name.includes(values.only))
  .map((name) => path.join(__dirname, name));

const env = { ...process.env };
for (const [name, value] of Object.entries(values)) env[`HOSTILE_${name.toUpperCase()}`] = value;

const args = ['--test', '--test-reporter=spec', '--test-concurrency=2', ...files];
const tests = spawn(process.execPath, args, { env, stdio: 'inherit' });
tests.on('exit', (code) => (process.exitCode = code ?? 1));
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => tests.kill(signal));
