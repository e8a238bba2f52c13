'use strict';

/** `npm run test:bench`: lints and tests of the load generator, which must not believe a faulty server. */

const path = require('node:path');
const { ROOT, ready, run } = require('./ready');

async function main() {
  await ready();
  const load = (what, args) => {
    return run(`Load generator, ${what}`, 'cargo', args, { cwd: path.join(ROOT, 'bench', 'load') });
  };
  await load('formatting', ['fmt', '--check']);
  await load('lints', ['clippy', '--locked', '--all-targets', '--', '-D', 'warnings']);
  // Builds the program, too, that the next one runs.
  await load('faulty raw websockets', ['test', '--locked', '--quiet']);
  await run('Load generator, faulty applications', 'node', ['--test', 'bench/faults.test.js']);
}

main().catch((error) => {
  console.error(error.message);
  process.exit(1);
});
