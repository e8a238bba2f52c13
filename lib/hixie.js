'use strict';

/**
 * @file The third key of a Hixie-76 handshake: eight bytes after the head of the request. Some proxies forward them
 * only after they have received the head of the answer.
 */

const { AsyncResource } = require('node:async_hooks');

const { Buffer, clearTimeout, setTimeout } = require('./globals');
const { KEY_LENGTH } = require('./native');
const { endSoon, peek } = require('./streams');

/** Milliseconds to wait for the key if the http server has no `headersTimeout`. This is Node's default for it. */
const KEY_TIMEOUT = 60_000;

/**
 * Writes the head of the answer and waits for the key. If the client does not send it, its socket is destroyed.
 *
 * @param {any} socket
 * @param {Buffer} read the bytes after the head of the request that have been read
 * @param {Buffer} response the head of the answer
 * @param {(read: Buffer) => void} then gets the key and the bytes after it
 */
function readKey(socket, read, response, then) {
  // The connection has the async context of its request.
  const withKey = AsyncResource.bind(then);
  const keep = (/** @type {Buffer} */ chunk) => {
    read = Buffer.concat([read, chunk]);
    if (read.length < KEY_LENGTH) return;
    stop();
    withKey(read);
  };
  const onEnd = () => endSoon(socket);
  const stop = () => {
    clearTimeout(timer);
    socket.removeListener('data', keep);
    socket.removeListener('end', onEnd);
    socket.removeListener('close', stop);
  };
  const timeout = peek(peek(socket, 'server'), 'headersTimeout');
  // Unreferenced, because the socket keeps the process alive.
  const timer = setTimeout(() => socket.destroy(), timeout > 0 ? timeout : KEY_TIMEOUT).unref();
  socket.setTimeout?.(0);
  socket.setNoDelay?.(true);
  socket.on('data', keep);
  socket.on('end', onEnd);
  socket.on('close', stop);
  socket.write(response);
  // The socket may have ended before this call.
  if (socket.readableEnded) onEnd();
}

module.exports = { readKey };
