'use strict';

/**
 * @file The values of `readyState`.
 */

module.exports = { CONNECTING: 0, OPEN: 1, CLOSING: 2, CLOSED: 3 };
