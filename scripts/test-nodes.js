'use strict';

/**
 * `npm run test:nodes [-- 18 22 bun … --suites jest,dependents,examples]`: runs tests on other versions of Node and
 * on other runtimes. Without arguments, the Jest suite runs on every supported version except the current one, the
 * other suites on the newest version only, and the short suite on each other runtime. `--suites` chooses the suites
 * for the given versions, or for all.
 */

const path = require('node:path');
const { parseArgs } = require('node:util');
const { RUNTIMES, VERSIONS, nodeFolder } = require('./nodes');
const { ready, run } = require('./ready');
const { testRuntimes } = require('./test-runtimes');
const { SUITES, testSuite } = require('./test-suite');

/** Without the tests that measure memory: their bounds are for the Node that runs `npm test`. */
const JEST = [
  'node_modules/jest/bin/jest.js',
  ...['--testPathIgnorePatterns', '/node_modules/', 'limits-memory', 'backpressure'],
];

const ALL = ['jest', ...Object.keys(SUITES)];

/** @returns {{ majors: string[], runtimes: string[], suites: string[] | undefined }} */
function parseArguments() {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: { suites: { type: 'string' } },
  });
  const suites = values.suites?.split(',');
  const runtimes = positionals.filter((name) => name in RUNTIMES);
  const majors = positionals.filter((name) => !(name in RUNTIMES));
  for (const suite of suites ?? []) {
    if (!ALL.includes(suite)) throw new Error(`${suite} is not one of ${ALL.join(', ')}.`);
  }
  if (positionals.length > 0) return { majors, runtimes, suites };
  const own = process.versions.node.split('.')[0];
  const others = Object.keys(VERSIONS).filter((major) => major !== own);
  return { majors: others, runtimes: suites ? [] : Object.keys(RUNTIMES), suites };
}

/**
 * @param {string} major
 * @param {string[]} suites
 */
async function testNode(major, suites) {
  const bin = await nodeFolder(major);
  const env = { ...process.env, PATH: `${bin}${path.delimiter}${process.env.PATH}` };
  for (const suite of suites) {
    if (suite === 'jest') await run(`Jest suite on Node ${major}`, 'node', JEST, { env });
    else await testSuite(suite, [], env);
  }
}

async function main() {
  const { majors, runtimes, suites } = parseArguments();
  await ready();
  const newest = Object.keys(VERSIONS).at(-1);
  for (const major of majors) {
    await testNode(major, suites ?? (major === newest ? ALL : ['jest']));
  }
  if (runtimes.length > 0) await testRuntimes(runtimes);
}

main().catch((error) => {
  console.error(error.message);
  process.exit(1);
});
