'use strict';

/**
 * `npm run test:dependents [-- files…]`, `npm run test:examples [-- files…]`: installs the additional packages of
 * the suite if they are missing, and runs its tests.
 */

const fs = require('node:fs');
const path = require('node:path');
const { ROOT, installed, run } = require('./ready');

/**
 * For each suite, the folder of its tests and the folder whose package.json lists the packages that they need.
 *
 * @type {Record<string, {tests: string, packages: string}>}
 */
const SUITES = {
  dependents: { tests: '__test__/dependents', packages: '__test__/dependents' },
  examples: { tests: '__test__/examples', packages: 'examples' },
};

/**
 * Runs a suite with the first `node` of the PATH.
 *
 * @param {string} name
 * @param {string[]} [files] default: all
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
