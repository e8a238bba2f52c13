'use strict';

/**
 * @file Loads the native binary, or says in one error what to do.
 */

const { coded } = require('./errors');

/** @returns {any} the binding that napi-rs generates */
function loadBinding() {
  try {
    return require('../binding.js');
  } catch (cause) {
    const platform = `${process.platform}-${process.arch}, Node ${process.version}`;
    const error = coded(
      Error,
      'ERR_SOCKJS_NO_BINARY',
      [
        `sockjs-rs has no native binary that loads on this machine (${platform}).`,
        'What was tried:',
        ...causes(cause).map((line) => `  - ${line}`),
        'What to do, one of:',
        '  - install again with optional dependencies (npm install --include=optional sockjs-rs)',
        '  - build it here: with a Rust toolchain (https://rustup.rs), npm run build in the package',
        '  - name a binary you have: NAPI_RS_NATIVE_LIBRARY_PATH=/path/to/sockjs-rs.node',
      ].join('\n'),
    );
    error.cause = cause;
    throw error;
  }
}

/**
 * The messages of an error and of those that led to it, one line each.
 *
 * @param {any} error
 * @returns {string[]}
 */
function causes(error) {
  const lines = [];
  const queue = [error];
  while (queue.length > 0 && lines.length < 20) {
    const next = queue.shift();
    if (!next) continue;
    lines.push(String(next.message ?? next).split('\n')[0]);
    queue.push(...[].concat(next.cause ?? []));
  }
  return [...new Set(lines)];
}

module.exports = { loadBinding };
