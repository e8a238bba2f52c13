'use strict';

/**
 * @file What a connection shows of the requests that its client receives by.
 */

const { Socket } = require('node:net');

/** Headers that 0.3.24 shows to the application, and `origin` (deviation 1). */
const HEADERS = [
  'referer',
  'x-client-ip',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-port',
  'x-cluster-client-ip',
  'via',
  'x-real-ip',
  'x-forwarded-proto',
  'x-ssl',
  'dnt',
  'host',
  'user-agent',
  'accept-language',
  'origin',
];

/** @param {import('node:http').IncomingHttpHeaders} all */
function pickHeaders(all) {
  /** @type {Record<string, any>} by reference: Primus puts an object into `via` */
  const headers = {};
  for (const name of HEADERS) if (all[name]) headers[name] = all[name];
  return headers;
}

/** Where a socket keeps its local address, which Node forgets when the handle is gone. */
const kLocalAddress = Symbol('local address');

/**
 * Reads both addresses of a socket while it has them. Node itself keeps the remote one.
 *
 * @param {any} socket
 */
function keepAddresses(socket) {
  if (!(socket instanceof Socket) || socket[kLocalAddress] !== undefined) return;
  try {
    // Either has Node ask the handle; a proxy protocol may have put something in the place of one.
    void socket.remoteAddress;
    void socket.remotePort;
    socket[kLocalAddress] = socket.address();
    socket._getsockname = keptLocalAddress;
  } catch {
    // In this version of Node it is another thing: what is not kept is unknown when the socket has closed.
  }
}

/** @this {any} */
function keptLocalAddress() {
  return this[kLocalAddress];
}

/**
 * Shows the addresses of a socket. A unix socket has none: 0.3.24 leaves what is known then.
 *
 * @param {any} connection
 * @param {any} socket
 */
function showAddresses(connection, socket) {
  try {
    const { remoteAddress } = socket;
    if (!remoteAddress) return;
    connection.remoteAddress = remoteAddress;
    connection.remotePort = socket.remotePort;
    connection.address = socket.address();
  } catch {
    // Streams that an application has put in the place of a socket need not have any.
  }
}

/**
 * Properties of every connection itself, as in 0.3.24, where copies of a connection and `Object.keys` see them.
 * They are looked up when somebody reads them. All connections share the functions, and so one hidden class.
 *
 * @type {Record<string, PropertyDescriptor>}
 */
const SHOWN = {};
for (const name of ['headers', 'url', 'pathname', 'protocol']) {
  SHOWN[name] = {
    configurable: true,
    enumerable: true,
    /** @this {any} */
    get() {
      return this._session._fact(name);
    },
    /** Applications may assign these, as they can in 0.3.24; the next request overwrites it. @this {any} */
    set(value) {
      this._session._requestInfo()[name] = value;
    },
  };
}

module.exports = { SHOWN, keepAddresses, pickHeaders, showAddresses };
