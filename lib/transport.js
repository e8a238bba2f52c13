'use strict';

/**
 * @file What other packages reach as `require('sockjs/lib/transport')`.
 */

const { Connection, CONNECTING, OPEN, CLOSING, CLOSED } = require('./connection');
const { Session } = require('./session');

/** The values of `readyState`. */
const Transport = Object.freeze({ CONNECTING, OPEN, CLOSING, CLOSED });

module.exports = { Transport, Session, SockJSConnection: Connection };
