'use strict';

/**
 * @file The third key of a Hixie-76 handshake: eight bytes after the head of the request. Some proxies forward them
 * only after they have received the head of the answer.
 */

const { AsyncResource } = require('node:async_hooks');

const { Buffer, clearTimeout, setTimeout } = require('./globals');
const { endSoon, peek } = require('./streams');

const KEY_LENGTH = 8;

/** Milliseconds to wait for the key if the http server has no `headersTimeout`. This is Node's default for it. */
const KEY_TIMEOUT = 60_000;

const NOTHING = Buffer.alloc(0);

/**
 * Waits for the third key, makes the rest of the answer from it, and calls `then`. If the client does not send the key,
 * its socket is destroyed.
 *
 * @param {import('./engine').Engine} engine
 * @param {any} socket
 * @param {Buffer} head the bytes that have been read after the head of the request
 * @param {{ kind: number, response: Buffer, challenge: number[] }} judged
 * @param {(judged: { kind: number, response: Buffer }, head: Buffer) => void} then gets the part of the answer that has
 *   not been written yet, and the bytes after the key
 */
function answerKey(engine, socket, head, { kind, response, challenge }, then) {
  /** @param {Buffer} read the key and the bytes after it */
  const open = (read, unwritten) => {
    const answer = engine.native.answerKey(challenge, read.subarray(0, KEY_LENGTH));
    then({ kind, response: Buffer.concat([unwritten, answer]) }, read.subarray(KEY_LENGTH));
  };
  if (head.length >= KEY_LENGTH) return open(head, response);
  // The connection has the async context of its request.
  return readKey(socket, head, response, AsyncResource.bind(open));
}

/**
 * @param {any} socket
 * @param {Buffer} head
 * @param {Buffer} response the first part of the answer, which is written at once
 * @param {(read: Buffer, unwritten: Buffer) => void} open
 */
function readKey(socket, head, response, open) {
  let read = head;
  const keep = (/** @type {Buffer} */ chunk) => {
    read = Buffer.concat([read, chunk]);
    if (read.length < KEY_LENGTH) return;
    stop();
    open(read, NOTHING);
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

module.exports = { answerKey };
