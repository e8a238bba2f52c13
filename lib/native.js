'use strict';

/**
 * @file The native side: starts it, and has the numbers and names that it declares for both sides
 * (`src/addon/constants.rs`). The binary is loaded with this module, so an application without one fails at `require`.
 */

const os = require('node:os');

const { noResources } = require('./errors');
const { loadBinding } = require('./load');

/** @type {typeof import('../binding')} */
const binding = loadBinding();

const { NativeEngine, names } = binding;
const { COLUMNS, EventKind, KEY_LENGTH, Upgraded, answer, fault, take } = binding;

/**
 * @param {number} ioThreads
 * @returns {import('../binding').NativeEngine}
 * @throws {Error} `ERR_SOCKJS_NO_RESOURCES`
 */
function startNative(ioThreads) {
  try {
    return new NativeEngine(ioThreads, websocketThreads());
  } catch (error) {
    throw noResources(error);
  }
}

/**
 * The number of I/O threads that may serve websockets: one processor is left to JavaScript. With as many threads as
 * processors, JavaScript is called more often, with fewer messages each time (docs/performance.md).
 */
function websocketThreads() {
  // Node 18.0 to 18.13 have no `availableParallelism`.
  const processors = os.availableParallelism?.() ?? os.cpus().length;
  return Math.max(processors - 1, 1);
}

module.exports = {
  COLUMNS,
  EventKind,
  KEY_LENGTH,
  Upgraded,
  answer,
  fault,
  names: names(),
  startNative,
  take,
};
