'use strict';

/**
 * @file What a connection shows of its receiver's request: `headers`, `url`, `pathname`, `protocol` and addresses.
 */

const { Socket } = require('node:net');

const { shownHeaders } = require('./native').names;

/** @param {import('node:http').IncomingHttpHeaders} all */
function pickHeaders(all) {
  /** @type {Record<string, any>} values are not copied: Primus assigns an object to `via` */
  const headers = {};
  for (const name of shownHeaders) if (all[name]) headers[name] = all[name];
  return headers;
}

/** The property of a socket that keeps its local address. Node cannot find it once the handle is gone. */
const kLocalAddress = Symbol('local address');

/**
 * Keeps both addresses of a socket while it has a handle. Node keeps the remote one itself, once it has been read.
 *
 * @param {any} socket
 */
function keepAddresses(socket) {
  if (!(socket instanceof Socket) || socket[kLocalAddress] !== undefined) return;
  try {
    // Each of these makes Node keep the remote address. A package for the PROXY protocol may have replaced one of them.
    void socket.remoteAddress;
    void socket.remotePort;
    socket[kLocalAddress] = socket.address();
    socket._getsockname = keptLocalAddress;
  } catch {
    // This version of Node does not allow it: an address that is not kept is unknown after the socket has closed.
  }
}

/** @this {any} */
function keptLocalAddress() {
  return this[kLocalAddress];
}

/**
 * Makes a connection show the addresses of a socket. A unix socket has none; then the connection keeps the addresses
 * that it shows already, as in 0.3.24.
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
    // An application may have replaced the socket with a stream without addresses.
  }
}

/**
 * Own properties of every connection, as in 0.3.24: `Object.keys` lists them and copies of a connection have them.
 * Their values are computed when they are read. All connections share the accessors, and therefore one hidden class.
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
      return this._session._infoOf(name);
    },
    /** Applications may assign these, as in 0.3.24. The next receiver's request overwrites them. @this {any} */
    set(value) {
      this._session._requestInfo()[name] = value;
    },
  };
}

module.exports = { SHOWN, keepAddresses, pickHeaders, showAddresses };
