'use strict';

/**
 * `npm run test:dependents [-- files…]`, `npm run test:examples [-- files…]`: installs the packages that
 * the suite needs beside those of this one, where they are missing, and runs its tests.
 */

const fs = require('node:fs');
const path = require('node:path');
const { ROOT, installed, run } = require('./ready');

/**
 * Each suite: the folder of its tests, and the one whose package.json says what they need.
 *
 * @type {Record<string, {tests: string, packages: string}>}
 */
const SUITES = {
  dependents: { tests: '__test__/dependents', packages: '__test__/dependents' },
  examples: { tests: '__test__/examples', packages: 'examples' },
};

/**
 * Runs a suite with the `node` that the PATH finds first.
 *
 * @param {string} name
 * @param {string[]} [files] all, if there are none
 * @param {NodeJS.ProcessEnv} [env]
 */
async function testSuite(name, files = [], env = process.env) {
  const { tests, packages } = SUITES[name];
  if (!installed(packages)) {
    const cwd = path.join(ROOT, packages);
    await run(`Installing the packages of ${packages}`, 'npm', ['ci', '--prefix', cwd], { cwd });
  }
  const all = fs.readdirSync(path.join(ROOT, tests)).filter((file) => file.endsWith('.test.js'));
  const chosen = files.length > 0 ? files : all.map((file) => path.join(tests, file));
  await run(`Suite ${name}`, 'node', ['--test', '--test-concurrency=2', ...chosen], { env });
}

module.exports = { SUITES, testSuite };

if (require.main === module) {
  const [name, ...files] = process.argv.slice(2);
  testSuite(name, files).catch((error) => {
    console.error(error.message);
    process.exit(1);
  });
}
