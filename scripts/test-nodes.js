'use strict';

/**
 * `npm run test:nodes [-- 18 22 …]`: the Jest suite, the dependents' tests and the examples' on
 * other versions of Node; without arguments on all that are supported but the one that runs this.
 */

const path = require('node:path');
const { VERSIONS, nodeFolder } = require('./nodes');
const { ready, run } = require('./ready');
const { SUITES, testSuite } = require('./test-suite');

/** Without what measures memory: that has been weighed for the Node that runs `npm test`. */
const JEST = [
  'node_modules/jest/bin/jest.js',
  ...['--testPathIgnorePatterns', '/node_modules/', 'limits-memory', 'backpressure'],
];

async function main() {
  await ready();
  const own = process.versions.node.split('.')[0];
  const given = process.argv.slice(2);
  const majors = given.length > 0 ? given : Object.keys(VERSIONS).filter((major) => major !== own);
  for (const major of majors) {
    const bin = await nodeFolder(major);
    const env = { ...process.env, PATH: `${bin}${path.delimiter}${process.env.PATH}` };
    await run(`Jest suite on Node ${major}`, 'node', JEST, { env });
    for (const suite of Object.keys(SUITES)) await testSuite(suite, [], env);
  }
}

main().catch((error) => {
  console.error(error.message);
  process.exit(1);
});
