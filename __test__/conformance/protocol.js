'use strict';

/**
 * @file `npm run test:protocol`: the official SockJS protocol test suite against `examples/test_server`,
 * through one ingress after the other.
 *
 *     --suite DIR      the suite's folder; by default SOCKJS_PROTOCOL or __test__/conformance/sockjs-protocol
 *     --python PATH    a Python 2.7; by default PYTHON2, pyenv's, or one on the PATH
 *     --if-possible    if the suite or Python 2.7 is missing, says so and exits with 0
 */

const fs = require('node:fs');
const path = require('node:path');
const { parseArgs } = require('node:util');

const { ROOT } = require('../../scripts/ready');
const { Child } = require('../support/child');
const { ingresses, environmentOf } = require('../support/library');
const { ensureEnvironment, findPython, isPython27, lookForPython } = require('./python');

const SUITE = path.join(__dirname, 'sockjs-protocol');
const PROGRAM = 'sockjs-protocol.py';
/** Milliseconds. A run takes about one second. */
const TIMEOUT_MS = 120_000;

const HOW_TO_GET = [
  'Clone it: git clone https://github.com/sockjs/sockjs-protocol __test__/conformance/sockjs-protocol',
  'Or give the folder of a clone: --suite DIR, or SOCKJS_PROTOCOL=DIR.',
].join('\n');

async function main() {
  const { values } = parseArgs({
    options: {
      suite: { type: 'string' },
      python: { type: 'string' },
      'if-possible': { type: 'boolean' },
    },
  });
  const suite = path.resolve(values.suite ?? process.env.SOCKJS_PROTOCOL ?? SUITE);
  const hasSuite = fs.existsSync(path.join(suite, PROGRAM));
  if (values['if-possible']) {
    const missing = [
      ...(hasSuite ? [] : [`no ${PROGRAM} in ${path.relative(ROOT, suite)}`]),
      ...(values.python || lookForPython() ? [] : ['no Python 2.7']),
    ];
    if (missing.length > 0) {
      console.log(`The SockJS protocol suite is skipped: there is ${missing.join(' and ')}.`);
      return;
    }
  }
  if (!hasSuite) {
    throw new Error(`There is no ${PROGRAM} in ${path.relative(ROOT, suite)}.\n${HOW_TO_GET}`);
  }
  if (values.python && !isPython27(values.python)) {
    throw new Error(`${values.python} is not Python 2.7.`);
  }
  const python = values.python ?? findPython('The SockJS protocol suite');
  const requirements = path.join(__dirname, 'requirements-protocol.txt');
  const programs = ensureEnvironment('protocol', python, requirements);
  // The children end with this process.
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(130));
  for (const ingress of ingresses) {
    const passed = await runThrough(ingress, suite, path.join(programs, 'python'));
    if (!passed) process.exitCode = 1;
  }
}

/**
 * @param {string} ingress
 * @param {string} suite
 * @param {string} python
 * @returns {Promise<boolean>} whether all tests passed
 */
async function runThrough(ingress, suite, python) {
  const server = new Child(path.join(ROOT, 'examples', 'test_server'), {
    env: { ...environmentOf(ingress), HOST: '127.0.0.1', PORT: '0' },
  });
  try {
    const [, url] = await server.line(/^SockJS test server on (\S+)\/$/);
    const run = new Child(undefined, {
      program: python,
      args: ['-B', PROGRAM],
      cwd: suite,
      env: { SOCKJS_URL: url },
    });
    const { code } = await run.exit(TIMEOUT_MS).finally(() => run.kill());
    return report(ingress, code, [...run.lines, run.errors].join('\n'));
  } finally {
    await server.kill();
  }
}

/**
 * @param {string} ingress
 * @param {number | null} code the suite's exit code
 * @param {string} output
 * @returns {boolean} whether all tests passed
 */
function report(ingress, code, output) {
  const ran = Number(/^Ran (\d+) tests?/m.exec(output)?.[1] ?? 0);
  const failed = [...output.matchAll(/^(?:FAIL|ERROR): (\w+) \(__main__\.(\w+)\)$/gm)];
  const names = new Set(failed.map(([, test, group]) => `${group}.${test}`));
  console.log(`${ingress}: ${ran - names.size} of ${ran}`);
  const passed = code === 0 && ran > 0 && names.size === 0;
  if (!passed) console.error(output.trimEnd());
  for (const name of names) console.error(`${ingress}: ${name} fails`);
  return passed;
}

main().catch((error) => {
  console.error(error.message);
  process.exitCode = 1;
});
