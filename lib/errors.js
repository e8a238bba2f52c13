'use strict';

/**
 * @file Errors with a `code`. Codes are stable; messages may change.
 */

const { JSON } = require('./globals');

/**
 * @template {ErrorConstructor} T
 * @param {T} Base
 * @param {string} code
 * @param {string} message
 * @returns {InstanceType<T> & { code: string }}
 */
function coded(Base, code, message) {
  const error = new Base(message);
  Object.defineProperty(error, 'code', { value: code, enumerable: true, writable: true });
  return error;
}

/**
 * The error for an option whose value cannot work.
 *
 * @param {string} name
 * @param {string} expected
 * @param {unknown} value
 */
function invalidOption(name, expected, value) {
  return coded(
    TypeError,
    'ERR_SOCKJS_INVALID_OPTION',
    `sockjs-rs: the option "${name}" must be ${expected}, but it is ${describe(value)}`,
  );
}

/**
 * The error for an option that is a number out of its range.
 *
 * @param {string} name
 * @param {string} expected
 * @param {unknown} value
 */
function optionOutOfRange(name, expected, value) {
  return coded(
    RangeError,
    'ERR_SOCKJS_OPTION_RANGE',
    `sockjs-rs: the option "${name}" must be ${expected}, but it is ${describe(value)}`,
  );
}

/**
 * The error for an argument of the wrong kind.
 *
 * @param {string} name
 * @param {string} expected
 * @param {unknown} value
 */
function invalidArgument(name, expected, value) {
  return coded(
    TypeError,
    'ERR_SOCKJS_INVALID_ARGUMENT',
    `sockjs-rs: ${name} must be ${expected}, but it is ${describe(value)}`,
  );
}

/**
 * The error for a process that has no thread or file descriptor left for an I/O thread. Nothing has changed, so a later
 * call may succeed.
 *
 * @param {any} error the native side's error, which has the message of the operating system
 */
function noResources(error) {
  return coded(
    Error,
    'ERR_SOCKJS_NO_RESOURCES',
    `sockjs-rs: an I/O thread cannot be started: ${error.message}. It needs one thread and five file ` +
      'descriptors. Raise the limit of threads (ulimit -u; in a container, pids.max) or of descriptors (ulimit -n)',
  );
}

/** @param {unknown} value */
function describe(value) {
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'function') return 'a function';
  if (typeof value === 'object' && value !== null) return `an object (${value.constructor?.name})`;
  return String(value);
}

module.exports = { coded, invalidOption, optionOutOfRange, invalidArgument, noResources };
