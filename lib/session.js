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
    this.recv = protocol.startsWith('websocket')
      ? { connection: connection._socket, protocol, didClose: () => connection._finish() }
      : null;
  }

  get readyState() {
    return this.connection.readyState;
  }

  get prefix() {
    return this.connection.prefix;
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

module.exports = { Session };
