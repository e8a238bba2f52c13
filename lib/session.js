'use strict';

/**
 * @file The view of a connection that other packages know as `conn._session` (contract section 2).
 */

/**
 * Made when somebody asks for `conn._session`, so that it costs nothing otherwise.
 */
class Session {
  /** @param {import('./connection').Connection} connection */
  constructor(connection) {
    this.connection = connection;
    const protocol = connection.protocol;
    /**
     * The receiver. Meteor sets timeouts on the socket of websockets.
     *
     * @type {{ connection: import('node:net').Socket, protocol: string, didClose: () => void } | null}
     */
    this.recv = connection.isWebsocket()
      ? { connection: connection._socket, protocol, didClose: () => connection._endReceiver() }
      : null;
  }

  /** Whether somebody replaced `Session.prototype.decorateConnection`, as webpack-dev-server does. */
  static isPatched() {
    return Session.prototype.decorateConnection !== decorateConnection;
  }

  get readyState() {
    return this.connection.readyState;
  }

  get prefix() {
    return this.connection.prefix;
  }

  /** Called when the session of a SockJS transport has ended; others replace it. */
  didTimeout() {
    this.connection._finish();
  }

  /** Called when a raw websocket has ended; others replace it. */
  didClose() {
    this.connection._finish();
  }

  /** @param {unknown} message */
  send(message) {
    return this.connection.write(message);
  }

  /**
   * @param {number} [code]
   * @param {string} [reason]
   */
  close(code, reason) {
    return this.connection.close(code, reason);
  }
}

/**
 * Shows the application the request that receives now.
 *
 * @this {Session}
 * @param {import('node:http').IncomingMessage} request
 */
function decorateConnection(request) {
  const { connection } = this;
  connection._decorate(request, connection.protocol);
}

Session.prototype.decorateConnection = decorateConnection;

module.exports = { Session };
