'use strict';

/**
 * @file What a raw websocket's `close(code, reason)` takes: whatever faye-websocket takes, and its errors.
 */

const { Buffer } = require('./globals');

/** @param {any} code */
function checkRawCode(code) {
  if (code !== 1000 && (code < 3000 || code > 4999)) {
    // The words of faye-websocket, which applications may have met.
    throw new Error(
      "Failed to execute 'close' on WebSocket: " +
        'The code must be either 1000, or between 3000 and 4999. ' +
        `${code} is neither.`,
    );
  }
}

/**
 * The reason of a raw websocket's close frame, from what faye-websocket takes for one. At all other
 * values it throws what Node says to faye's next steps, and so does this.
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
