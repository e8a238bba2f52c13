'use strict';

/**
 * `npm run test:dependents [-- files…]`: installs the packages of __dependents__/, with this one in
 * place of sockjs, and runs their tests.
 */

const fs = require('node:fs');
const path = require('node:path');
const { ROOT, installed, run } = require('./ready');

const FOLDER = path.join(ROOT, '__dependents__');

/** Runs the tests with the `node` that the PATH finds first. */
async function testDependents(files, env = process.env) {
  if (!installed('__dependents__')) {
    await run('Installing the dependents', 'npm', ['ci', '--prefix', FOLDER], { cwd: FOLDER });
  }
  const all = fs.readdirSync(FOLDER).filter((name) => name.endsWith('.test.js'));
  const chosen = files.length > 0 ? files : all.map((name) => path.join('__dependents__', name));
  await run('Dependents', 'node', ['--test', '--test-concurrency=2', ...chosen], { env });
}

module.exports = { testDependents };

if (require.main === module) {
  testDependents(process.argv.slice(2)).catch((error) => {
    console.error(error.message);
    process.exit(1);
  });
}
