'use strict';

/**
 * @file Starts the native side.
 */

const os = require('node:os');

const { noResources } = require('./errors');
const { loadBinding } = require('./load');

/**
 * @param {number} ioThreads
 * @returns {any} the class NativeEngine of `src/addon/mod.rs`
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
 * Websockets are served by fewer threads than the process has processors: one more would take time from
 * JavaScript and bring it half as much at a time (`docs/performance.md`).
 */
function websocketThreads() {
  // Node 18.0 to 18.13 have no `availableParallelism`.
  const processors = os.availableParallelism?.() ?? os.cpus().length;
  return Math.max(processors - 1, 1);
}

module.exports = { startNative };
