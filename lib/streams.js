'use strict';

/**
 * @file What Node's streams and sockets say of themselves, and those that only look like them.
 */

/**
 * A property of Node's that is none of its documented ones.
 *
 * @param {any} object
 * @param {string} name
 * @returns {any} undefined where it is missing or cannot be read
 */
function peek(object, name) {
  try {
    return object?.[name];
  } catch {
    return undefined;
  }
}

/**
 * Whether nothing can be written any more: the client has gone, or somebody has ended it.
 *
 * @param {any} stream a socket, a response, or what HTTP/2 has in its place
 */
function isOver(stream) {
  const { destroyed, writableEnded } = stream;
  return destroyed === true || writableEnded === true || stream.stream?.destroyed === true;
}

/**
 * Ends a connection when what was written has left, whatever its client still has to say.
 *
 * @param {any} stream a socket, or another Duplex
 */
function endSoon(stream) {
  if (typeof stream.destroySoon === 'function') stream.destroySoon();
  else stream.end(() => stream.destroy());
}

module.exports = { endSoon, isOver, peek };
