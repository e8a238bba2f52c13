'use strict';

/**
 * `npm run test:valgrind`: runs the Rust tests of all modules that hold descriptors under valgrind's memcheck, which
 * finds reads and writes outside of allocated memory, use after free, leaks, and descriptors that are left open. Then
 * it runs Node with the built addon, without the JIT compiler (`--jitless`), to find the first two kinds.
 */

const { spawnSync } = require('node:child_process');
const path = require('node:path');

const ROOT = path.join(__dirname, '..');

/** The modules whose tests run. */
const TESTS = ['server::', 'ingress::', 'addon::'];

const MEMCHECK = [
  '--error-exitcode=9',
  '--leak-check=full',
  '--errors-for-leak-kinds=definite',
  '--track-fds=yes',
];

function main() {
  const valgrind = spawnSync('valgrind', ['--version'], { encoding: 'utf8' });
  if (valgrind.status !== 0) throw new Error('valgrind is missing: apt-get install valgrind');
  const tests = testProgram();
  const options = { cwd: ROOT, encoding: 'utf8', maxBuffer: 1 << 28 };
  const run = spawnSync('valgrind', [...MEMCHECK, tests, '--test-threads=1', ...TESTS], options);
  const left = [...run.stderr.matchAll(/Open (?:file descriptor|AF_\w+ socket) (\d+)/g)];
  // The standard descriptors, and those that the tests inherit from this process, are open too.
  const leaked = left.filter(([line, number]) => !isInherited(run.stderr, line, number));
  console.log(run.stdout.trim());
  console.log(/ERROR SUMMARY:.*/.exec(run.stderr)?.[0], `— ${valgrind.stdout.trim()}`);
  console.log(`descriptors left open: ${leaked.length}`);
  if (run.status !== 0 || leaked.length > 0) {
    console.error(run.stderr);
    throw new Error('valgrind has found something');
  }
  const traffic = path.join(__dirname, 'valgrind-traffic.js');
  const checks = ['--error-exitcode=9', '--smc-check=all-non-file'];
  const node = spawnSync('valgrind', [...checks, process.execPath, '--jitless', traffic], options);
  console.log(node.stdout.trim());
  console.log(/ERROR SUMMARY:.*/.exec(node.stderr)?.[0], '— Node with the addon');
  if (node.status !== 0) {
    console.error(node.stderr);
    throw new Error('valgrind has found something');
  }
}

/**
 * @param {string} report
 * @param {string} line
 * @param {string} number
 */
function isInherited(report, line, number) {
  const after = report.slice(report.indexOf(line)).split('\n').slice(0, 2).join(' ');
  return Number(number) <= 2 || after.includes('inherited from parent');
}

/** @returns {string} the program that holds the unit tests */
function testProgram() {
  const args = ['test', '--locked', '--lib', '--no-run', '--message-format=json'];
  const stdio = /** @type {const} */ (['ignore', 'pipe', 'inherit']);
  const cargo = spawnSync('cargo', args, {
    cwd: ROOT,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    stdio,
  });
  const messages = cargo.stdout.split('\n').filter((line) => line.includes('"executable":"'));
  if (cargo.status !== 0 || messages.length === 0) throw new Error('The Rust tests do not build.');
  return JSON.parse(messages.at(-1)).executable;
}

try {
  main();
} catch (error) {
  console.error(error.message);
  process.exit(1);
}
