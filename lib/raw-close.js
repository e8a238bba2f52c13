'use strict';

/**
 * @file The arguments of `close(code, reason)` on a raw websocket. As in 0.3.24, faye-websocket's rules decide what is
 * accepted and which errors are thrown.
 */

const { Buffer } = require('./globals');

/** @param {any} code */
function checkRawCode(code) {
  if (code !== 1000 && (code < 3000 || code > 4999)) {
    // The text of faye-websocket, which applications may compare.
    throw new Error(
      "Failed to execute 'close' on WebSocket: " +
        'The code must be either 1000, or between 3000 and 4999. ' +
        `${code} is neither.`,
    );
  }
}

/**
 * Converts the reason of a raw websocket's close frame as faye-websocket does. faye-websocket does not check its type.
 * For a value without `length` and `copy`, the calls below throw the same exceptions of Node as there.
 *
 * @param {any} reason
 * @returns {Buffer}
 */
function rawReason(reason) {
  if (!reason) return Buffer.alloc(0);
  if (typeof reason === 'string' || typeof reason === 'number') return Buffer.from(String(reason));
  const copy = Array.isArray(reason) ? Buffer.from(reason) : reason;
  const payload = Buffer.allocUnsafe(2 + copy.length);
  copy.copy(payload, 2);
  return payload.subarray(2);
}

module.exports = { checkRawCode, rawReason };
