'use strict';

/**
 * `npm run test:runtimes [-- bun deno]`: runs a short suite on other runtimes than Node (default: all), which it
 * installs from npm.
 */

const path = require('node:path');
const { RUNTIMES, runtimeProgram } = require('./nodes');
const { ready, run } = require('./ready');

/** The clients of the suite run in the Node of this process. */
const SUITE = path.join('__test__', 'runtimes', 'suite.js');

/** @param {string[]} [names] keys of RUNTIMES (default: all) */
async function testRuntimes(names = []) {
  for (const name of names.length > 0 ? names : Object.keys(RUNTIMES)) {
    const command = [await runtimeProgram(name), ...RUNTIMES[name].args];
    const env = { ...process.env, RUNTIME: JSON.stringify(command) };
    await run(`Suite on ${name}`, process.execPath, ['--test', SUITE], { env });
  }
}

module.exports = { testRuntimes };

if (require.main === module) {
  ready()
    .then(() => testRuntimes(process.argv.slice(2)))
    .catch((error) => {
      console.error(error.message);
      process.exit(1);
    });
}
