'use strict';

/** `npm run test:bench`: runs the lints and tests of the load generator, which must report every faulty server. */

const path = require('node:path');
const { ROOT, ready, run } = require('./ready');

async function main() {
  await ready();
  const load = (what, args) => {
    return run(`Load generator, ${what}`, 'cargo', args, { cwd: path.join(ROOT, 'bench', 'load') });
  };
  await load('formatting', ['fmt', '--check']);
  await load('lints', ['clippy', '--locked', '--all-targets', '--', '-D', 'warnings']);
  // This also builds the program that the next command runs.
  await load('faulty raw websockets', ['test', '--locked', '--quiet']);
  await run('Load generator, faulty applications', 'node', ['--test', 'bench/faults.test.js']);
}

main().catch((error) => {
  console.error(error.message);
  process.exit(1);
});
