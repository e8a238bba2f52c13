'use strict';

/*
 * Which library the suite tests, and by which ingresses.
 *
 * SOCKJS_ORACLE=1 runs the suite on npm sockjs@0.3.24, which shows that the suite itself is right.
 */

const isOracle = process.env.SOCKJS_ORACLE === '1';

/** The main file of the library, for child processes. */
const libraryPath = require.resolve(isOracle ? 'sockjs' : '../..');

const sockjs = require(libraryPath);

/** Every protocol test runs once for each: `describe.each(ingresses)`. */
const ingresses = isOracle ? ['oracle'] : ['takeover', 'bridge'];

/**
 * Runs `install`, in which `installHandlers` uses the given ingress.
 *
 * @template T
 * @param {string} ingress
 * @param {() => T} install
 * @returns {T}
 */
function throughIngress(ingress, install) {
  const before = process.env.SOCKJS_RS_DOOR;
  try {
    setIngress(ingress === 'bridge' ? 'bridge' : undefined);
    return install();
  } finally {
    setIngress(before);
  }
}

/**
 * @param {string} ingress
 * @returns {NodeJS.ProcessEnv} for a child process that loads the library under test and uses the ingress
 */
function environmentOf(ingress) {
  return {
    SOCKJS_LIBRARY: libraryPath,
    SOCKJS_RS_DOOR: ingress === 'bridge' ? 'bridge' : undefined,
  };
}

/** @param {string | undefined} value */
function setIngress(value) {
  if (value === undefined) delete process.env.SOCKJS_RS_DOOR;
  else process.env.SOCKJS_RS_DOOR = value;
}

/**
 * A test of a deviation from 0.3.24, by its number in docs/compatibility.md, "Deviations". It has to
 * fail on the oracle.
 *
 * @param {number} number
 * @param {string} title
 * @param {() => Promise<void>} fn
 */
function deviation(number, title, fn) {
  (isOracle ? test.failing : test)(`${title} (deviation ${number})`, fn);
}

/**
 * As `deviation`, for what would end the process of the oracle; skipped there.
 *
 * @param {number} number
 * @param {string} title
 * @param {() => Promise<void>} fn
 */
function survival(number, title, fn) {
  (isOracle ? test.skip : test)(`${title} (deviation ${number})`, fn);
}

/**
 * A test of what 0.3.24 does not have at all; skipped on the oracle.
 *
 * @param {string} title
 * @param {() => Promise<void>} fn
 * @param {number} [timeout] milliseconds, if not that of all tests
 */
function addition(title, fn, timeout) {
  (isOracle ? test.skip : test)(`${title} (new)`, fn, timeout);
}

/** `addition` for each of some cases, as `test.each`. */
addition.each = (cases) => (title, fn, timeout) => {
  (isOracle ? test.skip : test).each(cases)(`${title} (new)`, fn, timeout);
};

module.exports = {
  addition,
  deviation,
  ingresses,
  environmentOf,
  isOracle,
  libraryPath,
  sockjs,
  survival,
  throughIngress,
};
