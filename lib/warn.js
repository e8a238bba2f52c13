'use strict';

/**
 * @file Process warnings, for applications that do not read the log.
 */

/** @type {Set<string>} */
const emitted = new Set();

/**
 * Emits a process warning about an option that has no effect, unless the same warning was emitted before.
 *
 * @param {string} line
 */
function warnOnce(line) {
  if (emitted.has(line)) return;
  emitted.add(line);
  process.emitWarning(`sockjs-rs: ${line}`, { code: 'SOCKJS_NO_EFFECT' });
}

module.exports = { warnOnce };
