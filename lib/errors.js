'use strict';

/**
 * @file The coded errors that wrong arguments get. `code` is stable; messages may change.
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
 * An option whose value cannot work.
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
 * An option that is a number, but not one that can work.
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
 * An argument that is not what the method works on.
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
 * The system has nothing left of what an I/O thread needs. Nothing has been begun, so a later try may work.
 *
 * @param {any} error what the system says
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
