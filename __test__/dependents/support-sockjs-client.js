'use strict';

/** sockjs-client in Node, and http servers with a service. */

const SockJS = require('sockjs-client');
const { startServer: startTestServer } = require('../support/server');

/** Milliseconds that a transport may take to open. The client's default is too short on a busy machine. */
const TIMEOUT_MS = 20000;

/**
 * Starts an http server.
 *
 * @param {string} ingress
 * @param {(server: import('node:http').Server) => void} install puts services on the http server
 * @param {import('node:http').RequestListener} [app] the application's listener
 * @returns {Promise<{origin: string, server: import('node:http').Server, stop: () => Promise<void>}>}
 */
async function startServer(ingress, install, app) {
  const server = await startTestServer(ingress, { install, app });
  return { origin: server.origin, server: server.http, stop: () => server.abort() };
}

/**
 * Connects a client.
 *
 * @param {string} url
 * @param {object} [options] of sockjs-client, and `onmessage` for messages that arrive immediately
 * @returns {Promise<SockJS>} rejects with the code and reason of the close event
 */
function connect(url, { onmessage, ...options } = {}) {
  const socket = new SockJS(url, null, { timeout: TIMEOUT_MS, ...options });
  socket.onmessage = onmessage;
  return new Promise((resolve, reject) => {
    socket.onopen = () => resolve(socket);
    socket.addEventListener('close', (event) => reject(failure(event)));
  });
}

/** @param {{code: number, reason: string}} event */
const failure = ({ code, reason }) =>
  Object.assign(new Error(`closed: ${code} ${reason}`), { code, reason });

/**
 * @param {SockJS} socket
 * @param {string} type
 * @returns {Promise<object>} its next event of the type
 */
function next(socket, type) {
  return new Promise((resolve) => {
    const listener = (event) => {
      socket.removeEventListener(type, listener);
      resolve(event);
    };
    socket.addEventListener(type, listener);
  });
}

/**
 * @param {SockJS} socket
 * @param {number} count
 * @returns {Promise<string[]>} its next messages
 */
function receive(socket, count) {
  const messages = [];
  return new Promise((resolve, reject) => {
    socket.addEventListener('close', (event) => reject(failure(event)));
    socket.onmessage = ({ data }) => {
      messages.push(data);
      if (messages.length === count) resolve(messages);
    };
  });
}

module.exports = { connect, next, receive, startServer };
