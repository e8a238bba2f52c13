'use strict';

/**
 * @file The text of a message.
 */

/**
 * Converts a message to a string. A client can send values that cannot be converted, such as `{"toString":1}` or
 * 100,000 nested arrays. With 0.3.24 the exception ends the process of an echo server. Here such a value is logged
 * and not sent (deviation 3).
 *
 * @param {unknown} message
 * @param {{ log?: ((severity: string, line: string) => void) | null }} logger
 * @returns {string | undefined} undefined for such a value
 */
function textOf(message, logger) {
  try {
    return '' + message;
  } catch (error) {
    const failedToConvert = error instanceof TypeError || error instanceof RangeError;
    if (typeof message !== 'object' || !failedToConvert) throw error;
    logger.log?.(
      'error',
      `A message was not written, because it cannot be converted to a string: ${error.message}`,
    );
    return undefined;
  }
}

module.exports = { textOf };
