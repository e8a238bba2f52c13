'use strict';

/**
 * @file Starts the native side.
 */

const os = require('node:os');

const { noResources } = require('./errors');
const { loadBinding } = require('./load');

/**
 * @param {number} ioThreads
 * @returns {any} a `NativeEngine`, see `src/addon/mod.rs`
 * @throws {Error} `ERR_SOCKJS_NO_RESOURCES`
 */
function startNative(ioThreads) {
  const binding = loadBinding();
  try {
    return new binding.NativeEngine(ioThreads, websocketThreads());
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

module.exports = { startNative };
