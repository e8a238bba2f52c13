'use strict';

const crypto = require('crypto');
const net = require('net');
const tls = require('tls');
const { PRE_SHARED } = require('./secure');
const { HttpConnection } = require('./http-client');
const { WebSocketClient, sendHandshake } = require('./websocket-client');

/** Opens connections to one server, and closes all that are left. */
class Client {
  #sockets = new Set();

  /**
   * @param {string | number | import('net').NetConnectOpts} address a port of 127.0.0.1, the path of a unix socket, or
   *   another address
   * @param {boolean} [secure] speaks TLS
   */
  constructor(address, secure = false) {
    this.address = address;
    this.secure = secure;
  }

  #connect() {
    if (typeof this.address !== 'number') return net.connect(this.address);
    const to = { port: this.address, host: '127.0.0.1' };
    return this.secure ? tls.connect({ ...to, ...PRE_SHARED.client }) : net.connect(to);
  }

  #socket() {
    const socket = this.#connect();
    socket.setNoDelay(true);
    this.#sockets.add(socket);
    socket.on('close', () => this.#sockets.delete(socket));
    return socket;
  }

  /** @returns {HttpConnection} a connection of its own */
  connect() {
    return new HttpConnection(this.#socket());
  }

  /**
   * Sends a request on a connection of its own.
   *
   * @param {string} method
   * @param {string} target
   * @param {Parameters<HttpConnection['send']>[2]} [options]
   * @returns {ReturnType<HttpConnection['response']>} as soon as the head of the answer is there
   */
  open(method, target, options) {
    const connection = this.connect();
    connection.send(method, target, options);
    return connection.response();
  }

  /** As `open`, but waits for the whole body and ends the connection. */
  async request(method, target, options) {
    const connection = this.connect();
    const response = await connection.request(method, target, options);
    connection.abort();
    return response;
  }

  get(target, headers) {
    return this.request('GET', target, { headers });
  }

  post(target, body, headers) {
    return this.request('POST', target, { body, headers });
  }

  options(target, headers) {
    return this.request('OPTIONS', target, { headers });
  }

  /**
   * Opens a polling session and polls again on the same connection, without waiting for the answer: the server sends
   * none of it, not even the head, before there is a frame.
   *
   * @param {string} target
   * @param {string} [method]
   */
  async poll(target, method = 'POST') {
    const connection = this.connect();
    await connection.request(method, target);
    connection.send(method, target);
    return connection;
  }

  /**
   * @param {string} target
   * @param {Parameters<typeof WebSocketClient.connect>[2]} [options]
   */
  websocket(target, options) {
    return WebSocketClient.connect(this.#socket(), target, options);
  }

  /**
   * @param {string} target
   * @param {Parameters<typeof sendHandshake>[2]} [options]
   * @returns {HttpConnection} the connection on which a handshake has been sent
   */
  handshake(target, options) {
    const connection = this.connect();
    sendHandshake(connection, target, options);
    return connection;
  }

  /**
   * @param {string} prefix
   * @returns {string} the URL of a new session
   */
  session(prefix) {
    return `${prefix}/000/${crypto.randomUUID()}`;
  }

  /** Ends every connection that is still open. */
  disconnect() {
    for (const socket of this.#sockets) socket.destroy();
  }
}

module.exports = { Client };
