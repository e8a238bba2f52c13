'use strict';

/**
 * @file Who would miss a request, or the bytes of a socket, that do not go through Node's own objects. Where there
 * is anybody, the connection stays with Node.
 */

const diagnostics = require('node:diagnostics_channel');
const { EventEmitter } = require('node:events');
const { IncomingMessage, OutgoingMessage, Server, ServerResponse } = require('node:http');
const { Socket } = require('node:net');

/** Subscribers of these channels want to hear of every request. */
const channels = [
  'http.server.request.start',
  'http.server.response.created',
  'http.server.response.finish',
].map((name) => diagnostics.channel(name));

/** The symbol under which Node keeps what a performance observer of 'http' entries will be told. */
const STATISTICS = 'ServerResponseStatistics';

/**
 * Methods of Node that packages replace to see requests and bytes go by, as they were when this module was
 * loaded.
 *
 * @type {[any, string, Function][]}
 */
const methods = [
  ...methodsOf(ServerResponse, ['writeHead', '_implicitHeader', 'assignSocket', 'setHeader']),
  ...methodsOf(ServerResponse, ['write', 'end', 'emit']),
  ...methodsOf(OutgoingMessage, ['setHeader', 'write', 'end']),
  ...methodsOf(IncomingMessage, ['emit', 'read', 'push']),
  ...methodsOf(Server, ['emit']),
  ...methodsOf(EventEmitter, ['emit']),
];

/** Methods of a socket that it has from the streams: somebody has put others before them. */
const INHERITED = ['emit', 'push', 'write', 'destroy'];

/** One was replaced before: libraries that do so mark their functions, and those of others have other names. */
const werePatched =
  methods.some(
    ([, name, method]) =>
      '__original' in method ||
      '__wrapped' in method ||
      '__unwrap' in method ||
      isOthers(name, method),
  ) ||
  INHERITED.some((name) => Object.hasOwn(Socket.prototype, name)) ||
  isOthers('setStreamTimeout', Socket.prototype.setTimeout);

/**
 * @param {string} name of Node's own function
 * @param {Function} method
 */
function isOthers(name, method) {
  // Those that streams have are without a name.
  return method.name !== name && !['read', 'push'].includes(name);
}

/**
 * @param {Function} Class
 * @param {string[]} names
 * @returns {[any, string, Function][]}
 */
function methodsOf({ prototype }, names) {
  const known = names.filter((name) => typeof prototype[name] === 'function');
  return known.map((name) => [prototype, name, prototype[name]]);
}

/** Whether somebody replaced one of Node's methods for all requests, or subscribed to them. */
function watchAll() {
  return (
    werePatched ||
    channels.some((channel) => channel.hasSubscribers) ||
    methods.some(([prototype, name, method]) => prototype[name] !== method)
  );
}

/**
 * Whether the objects of a request are others than Node's own, or Node measures them.
 *
 * @param {any} request
 * @param {any} response
 */
function watchRequest(request, response) {
  return (
    Object.getPrototypeOf(request) !== IncomingMessage.prototype ||
    Object.getPrototypeOf(response) !== ServerResponse.prototype ||
    // Of the trace events of category node.http.
    response._traceEventId !== undefined ||
    Object.getOwnPropertySymbols(response).some((symbol) => symbol.description === STATISTICS)
  );
}

/**
 * Methods that somebody replaces on a socket, or for all sockets, to see bytes go by.
 *
 * @type {[string, Function | undefined][]}
 */
const socketMethods = [
  ...['emit', 'push', 'read', 'pause', 'resume', 'write', 'end', 'destroy', 'destroySoon'],
  ...['setTimeout', '_read', '_write', '_writev', '_writeGeneric', '_final', '_destroy'],
].map((name) => [name, /** @type {any} */ (Socket.prototype)[name]]);

/**
 * How many listeners Node itself has on a socket: of these events nobody else hears when it is taken.
 *
 * @type {Record<'request' | 'upgrade', [string, number][]>}
 */
const NODES_LISTENERS = {
  request: [
    ['data', 1],
    ['readable', 0],
    ['end', 2],
    ['drain', 1],
    ['pause', 1],
    ['resume', 1],
  ],
  upgrade: [
    ['data', 0],
    ['readable', 0],
    ['end', 1],
    ['drain', 0],
    ['pause', 0],
    ['resume', 0],
  ],
};

/**
 * Whether anything but Node listens to the bytes of a socket, or has replaced its methods.
 *
 * @param {any} socket
 * @param {'request' | 'upgrade'} event what Node has just emitted for it
 */
function watchSocket(socket, event) {
  return (
    socketMethods.some(([name, method]) => socket[name] !== method) ||
    NODES_LISTENERS[event].some(([name, count]) => socket.listenerCount(name) !== count)
  );
}

module.exports = { watchAll, watchRequest, watchSocket };
