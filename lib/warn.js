'use strict';

/**
 * @file Warnings of the process: what `log` says may be read by nobody.
 */

/** @type {Set<string>} */
const said = new Set();

/**
 * Says once in a process that an option has no effect.
 *
 * @param {string} line
 */
function warnOnce(line) {
  if (said.has(line)) return;
  said.add(line);
  process.emitWarning(`sockjs-rs: ${line}`, { code: 'SOCKJS_NO_EFFECT' });
}

module.exports = { warnOnce };
