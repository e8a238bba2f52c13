'use strict';

/**
 * @file Finds out whether anything besides Node observes requests or the bytes of a socket: monitoring agents, packages
 * that replace methods, or listeners. If so, the connection stays in Node, because they see only what passes through
 * Node's own objects.
 */

const diagnostics = require('node:diagnostics_channel');
const { EventEmitter } = require('node:events');
const { IncomingMessage, OutgoingMessage, Server, ServerResponse } = require('node:http');
const { Socket } = require('node:net');

/** Node publishes something on each of these channels for every request. */
const channels = [
  'http.server.request.start',
  'http.server.response.created',
  'http.server.response.finish',
].map((name) => diagnostics.channel(name));

/** The description of the symbol that a response has if Node will report a performance entry of type 'http' for it. */
const STATISTICS = 'ServerResponseStatistics';

/**
 * Methods of Node that packages replace to observe requests, as they were when this module was loaded.
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

/** Methods that `Socket.prototype` inherits. If it has one of its own, a package has added it. */
const INHERITED = ['emit', 'push', 'write', 'destroy'];

/**
 * Whether a method had been replaced before this module was loaded. Libraries that replace methods mark their
 * functions; most other replacements have another name than Node's function.
 */
const replacedBefore =
  methods.some(
    ([, name, method]) =>
      '__original' in method ||
      '__wrapped' in method ||
      '__unwrap' in method ||
      isRenamed(name, method),
  ) ||
  INHERITED.some((name) => Object.hasOwn(Socket.prototype, name)) ||
  isRenamed('setStreamTimeout', Socket.prototype.setTimeout);

/**
 * @param {string} name the name of Node's function
 * @param {Function} method
 */
function isRenamed(name, method) {
  // Node's own `read` and `push` have no name.
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

/** Whether all requests of the process are observed: a method was replaced, or a channel has subscribers. */
function areRequestsObserved() {
  return (
    replacedBefore ||
    channels.some((channel) => channel.hasSubscribers) ||
    methods.some(([prototype, name, method]) => prototype[name] !== method)
  );
}

/**
 * Whether one request is observed: its objects have classes other than Node's own, or Node traces or measures it.
 *
 * @param {any} request
 * @param {any} response
 */
function isRequestObserved(request, response) {
  return (
    Object.getPrototypeOf(request) !== IncomingMessage.prototype ||
    Object.getPrototypeOf(response) !== ServerResponse.prototype ||
    // Node sets this if trace events of the category node.http are on.
    response._traceEventId !== undefined ||
    Object.getOwnPropertySymbols(response).some((symbol) => symbol.description === STATISTICS)
  );
}

/**
 * Methods that packages replace, on one socket or on all, to observe the bytes.
 *
 * @type {[string, Function | undefined][]}
 */
const socketMethods = [
  ...['emit', 'push', 'read', 'pause', 'resume', 'write', 'end', 'destroy', 'destroySoon'],
  ...['setTimeout', '_read', '_write', '_writev', '_writeGeneric', '_final', '_destroy'],
].map((name) => [name, /** @type {any} */ (Socket.prototype)[name]]);

/**
 * The number of listeners that Node itself adds to a socket. On a taken socket, other listeners would miss events.
 *
 * @type {Record<'request' | 'upgrade', [string, number][]>}
 */
const OWN_LISTENERS = {
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
 * Whether a socket is observed: a method was replaced, or there are listeners besides Node's.
 *
 * @param {any} socket
 * @param {'request' | 'upgrade'} event the event that Node has just emitted for it
 */
function isSocketObserved(socket, event) {
  return (
    socketMethods.some(([name, method]) => socket[name] !== method) ||
    OWN_LISTENERS[event].some(([name, count]) => socket.listenerCount(name) !== count)
  );
}

module.exports = { areRequestsObserved, isRequestObserved, isSocketObserved };
