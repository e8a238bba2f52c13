'use strict';

/**
 * @file Helpers for streams and sockets of Node, and for objects that applications pass in their place.
 */

/**
 * Reads a property that Node does not document.
 *
 * @param {any} object
 * @param {string} name
 * @returns {any} undefined if there is no such property, or if reading it throws
 */
function peek(object, name) {
  try {
    return object?.[name];
  } catch {
    return undefined;
  }
}

/**
 * Whether nothing can be written any more: the client has disconnected, or the stream has been ended.
 *
 * @param {any} stream a socket or a response; a response of HTTP/2 has no `destroyed` of its own
 */
function isOver(stream) {
  const { destroyed, writableEnded } = stream;
  return destroyed === true || writableEnded === true || stream.stream?.destroyed === true;
}

/**
 * Ends a connection when all that was written has been sent. It does not wait for the client to end its side.
 *
 * @param {any} stream a socket, or another Duplex
 */
function endSoon(stream) {
  if (typeof stream.destroySoon === 'function') stream.destroySoon();
  else stream.end(() => stream.destroy());
}

module.exports = { endSoon, isOver, peek };
