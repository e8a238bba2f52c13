'use strict';

/**
 * @file Upgrade requests that are answered as if they were none.
 */

const { ServerResponse } = require('node:http');

const { serveRequest } = require('./bridge');
const { Buffer, setImmediate } = require('./globals');

/**
 * An upgrade request for a route that is no websocket is answered as the same request without
 * `Upgrade`, and then its connection closes (deviation 3): Node reads it again in that form.
 *
 * @param {import('./server').Listener | undefined} listener nobody's request is the http server's
 * @param {import('node:http').IncomingMessage} request
 * @param {any} socket
 * @param {Buffer} head
 */
function serveWithoutUpgrade(listener, request, socket, head) {
  // Node has taken its own listener off.
  socket.on('error', ignore);
  if (socket._httpMessage) {
    return afterResponse(socket, head, (read) =>
      serveWithoutUpgrade(listener, request, socket, read),
    );
  }
  const { server } = socket;
  if (server === undefined) {
    // Not a socket of an http server's: there is nobody to read it again, so its body is not read.
    const response = new ServerResponse(request);
    response.shouldKeepAlive = false;
    response.assignSocket(socket);
    response.on('finish', () => socket.end());
    return serveRequest(listener, request, response);
  }
  const { method, url, httpVersion, rawHeaders } = request;
  let text = `${method} ${url} HTTP/${httpVersion}\r\n`;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    if (/^(?:connection|upgrade)$/i.test(rawHeaders[index])) continue;
    text += `${rawHeaders[index]}: ${rawHeaders[index + 1]}\r\n`;
  }
  text += 'Connection: close\r\n\r\n';
  socket.unshift(Buffer.concat([Buffer.from(text, 'latin1'), head]));
  server.emit(socket.encrypted ? 'secureConnection' : 'connection', socket);
}

/**
 * Calls on when the response that a socket is busy with has been written; if the client goes before that,
 * never. What comes meanwhile is read: that is how it is seen to go, which Node no longer looks for.
 *
 * @param {any} socket
 * @param {Buffer} head what has been read already
 * @param {(read: Buffer) => void} then gets that and what has come since
 */
function afterResponse(socket, head, then) {
  const read = [head];
  let length = head.length;
  const keep = (/** @type {Buffer} */ chunk) => {
    read.push(chunk);
    length += chunk.length;
    if (length > HOLD_MAX) socket.destroy();
  };
  const leave = () => socket.destroySoon();
  socket.on('data', keep);
  socket.on('end', leave);
  socket._httpMessage.once('finish', () => {
    setImmediate(() => {
      socket.removeListener('data', keep);
      socket.removeListener('end', leave);
      if (socket.destroyed) return;
      // As Node left it.
      socket.pause();
      socket.readableFlowing = null;
      then(Buffer.concat(read, length));
    });
  });
}

function ignore() {}

/** Bytes that a client may send behind an upgrade request which waits for an earlier response. */
const HOLD_MAX = 64 * 1024;

module.exports = { serveWithoutUpgrade };
