'use strict';

/**
 * `npm run test:nodes [-- 18 22 bun … --suites jest,dependents,examples]`: tests on other versions of Node and
 * on other runtimes. Without arguments: the Jest suite on each version that is supported but the one that runs
 * this, the other suites on the newest one only, and the short suite on each other runtime. With `--suites`,
 * these on each version that is named, or on all.
 */

const path = require('node:path');
const { parseArgs } = require('node:util');
const { RUNTIMES, VERSIONS, nodeFolder } = require('./nodes');
const { ready, run } = require('./ready');
const { testRuntimes } = require('./test-runtimes');
const { SUITES, testSuite } = require('./test-suite');

/** Without what measures memory: that has been weighed for the Node that runs `npm test`. */
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
    if (!ALL.includes(suite)) throw new Error(`${suite} is none of ${ALL.join(', ')}.`);
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
