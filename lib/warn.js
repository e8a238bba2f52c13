'use strict';

/**
 * @file Warnings of the process, because an application may ignore its `log`.
 */

/** @type {Set<string>} */
const said = new Set();

/**
 * Warns once in a process that an option has no effect.
 *
 * @param {string} line
 */
function warnOnce(line) {
  if (said.has(line)) return;
  said.add(line);
  process.emitWarning(`sockjs-rs: ${line}`, { code: 'SOCKJS_NO_EFFECT' });
}

module.exports = { warnOnce };
