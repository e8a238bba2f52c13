'use strict';

/**
 * @file The module that other packages load as `sockjs/lib/transport`, under the name of 0.3.24.
 */

const { Connection } = require('./connection');
const { CONNECTING, OPEN, CLOSING, CLOSED } = require('./ready-state');
const { Session } = require('./session');

/** The values of `readyState`. */
const Transport = Object.freeze({ CONNECTING, OPEN, CLOSING, CLOSED });

module.exports = { Transport, Session, SockJSConnection: Connection };
