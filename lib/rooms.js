'use strict';

/**
 * @file Rooms: connections join them by name, and one call publishes a message to all members. The native side keeps
 * the members and delivers.
 */

const { OPEN } = require('./ready-state');
const { invalidArgument } = require('./errors');
const { Buffer, setImmediate } = require('./globals');
const { textOf } = require('./message-text');

/** The maximum length of a name, in bytes as UTF-8. */
const LONGEST_NAME = 255;

/** The code and the reason with which `closeRoom` closes by default, as `conn.close`. */
const NORMAL = 1000;
const NORMAL_REASON = 'Normal closure';

/** The rooms of one `Server`. */
class Rooms {
  /** @param {import('./engine').Engine} engine */
  constructor(engine) {
    this.engine = engine;
    this.number = engine.native.createRooms();
    engine.ids.addRooms(this);
  }
}

/**
 * @typedef {object} PublishOptions
 * @property {any} [except] a connection or an array of connections
 * @property {boolean} [local]
 * @property {boolean} [volatile]
 */

/** @param {unknown} room */
function checkName(room) {
  // A UTF-16 unit has at most three bytes as UTF-8.
  if (
    typeof room !== 'string' ||
    room === '' ||
    (room.length * 3 > LONGEST_NAME && Buffer.byteLength(room) > LONGEST_NAME)
  ) {
    const expected = `a string of 1 to ${LONGEST_NAME} bytes as UTF-8`;
    throw invalidArgument('the name of a room', expected, room);
  }
}

/**
 * @param {import('./session').Session} session
 * @param {string} room
 * @returns {boolean}
 */
function join(session, room) {
  checkName(room);
  return session.readyState === OPEN && session._engine.native.join(session._key, room);
}

/**
 * @param {import('./session').Session} session
 * @param {string} room
 * @returns {boolean}
 */
function leave(session, room) {
  checkName(room);
  return session.readyState === OPEN && session._engine.native.leave(session._key, room);
}

/**
 * @param {import('./session').Session} session
 * @returns {string[]}
 */
function roomsOf(session) {
  return session.readyState === OPEN ? session._engine.native.roomsOf(session._key) : [];
}

/**
 * Publishes to all members of a room but the connection that publishes.
 *
 * @param {import('./session').Session} session
 * @param {string} room
 * @param {unknown} message
 * @returns {number}
 */
function publishFrom(session, room, message) {
  checkName(room);
  const { server } = session._service;
  return send(server, session._service, room, message, session._key, false);
}

/**
 * @param {import('./server').Server} server
 * @param {string} room
 * @param {unknown} message
 * @param {PublishOptions} [options]
 * @returns {number} connections that the message was handed to
 */
function publish(server, room, message, options) {
  checkName(room);
  const except = excepted(server, options);
  return send(server, server.options, room, message, except, isVolatile(options));
}

/**
 * @param {import('./server').Server} server
 * @param {unknown} message
 * @param {PublishOptions} [options]
 * @returns {number} connections that the message was handed to
 */
function broadcast(server, message, options) {
  const except = excepted(server, options);
  return send(server, server.options, undefined, message, except, isVolatile(options));
}

/**
 * @param {import('./server').Server} server
 * @param {Parameters<typeof textOf>[1]} logger
 * @param {string | undefined} room undefined for all connections
 * @param {unknown} message
 * @param {Uint32Array | number | undefined} except keys of sessions
 * @param {boolean} skipsSlow
 * @returns {number}
 */
function send(server, logger, room, message, except, skipsSlow) {
  const text = textOf(message, logger);
  const rooms = server._rooms;
  if (rooms === undefined || text === undefined) return 0;
  const { engine } = rooms;
  const bytes = ArrayBuffer.isView(message)
    ? new Uint8Array(message.buffer, message.byteOffset, message.byteLength)
    : undefined;
  // A broadcast reaches the connections whose events have been handled, the current one included.
  const to = room ?? engine.handled;
  const count = engine.native.publish(rooms.number, to, text, bytes, except, skipsSlow);
  engine.published();
  return count;
}

/**
 * @param {import('./server').Server} server
 * @param {PublishOptions} [options]
 * @returns {Uint32Array | number | undefined} the keys of the sessions of `options.except`
 */
function excepted(server, options) {
  if (options === undefined || options === null) return undefined;
  if (typeof options !== 'object') {
    throw invalidArgument('the options of a message to a room', 'an object', options);
  }
  const { except } = options;
  if (except === undefined || except === null) return undefined;
  const engine = server._rooms?.engine;
  return Array.isArray(except)
    ? Uint32Array.from(except, (connection) => keyOf(connection, engine))
    : keyOf(except, engine);
}

/**
 * @param {any} connection
 * @param {import('./engine').Engine | undefined} engine
 * @returns {number} the key of its session; a key that no session has, if that is not one of this engine
 */
function keyOf(connection, engine) {
  const session = connection?._session;
  if (typeof session?._key !== 'number') {
    throw invalidArgument('except', 'a connection or an array of connections', connection);
  }
  return session._engine === engine ? session._key : NO_KEY;
}

/** No session has this key. */
const NO_KEY = 0xffffffff;

/** @param {PublishOptions} [options] */
function isVolatile(options) {
  return Boolean(options?.volatile);
}

/**
 * @param {import('./server').Server} server
 * @param {string} room
 * @returns {number}
 */
function size(server, room) {
  checkName(room);
  const rooms = server._rooms;
  return rooms === undefined ? 0 : rooms.engine.native.roomSize(rooms.number, room);
}

/**
 * @param {import('./server').Server} server
 * @returns {string[]}
 */
function names(server) {
  const rooms = server._rooms;
  return rooms === undefined ? [] : rooms.engine.native.roomNames(rooms.number);
}

/**
 * Closes all members of a room.
 *
 * @param {import('./server').Server} server
 * @param {string} room
 * @param {number} [code]
 * @param {string} [reason]
 * @returns {number} how many were closed
 */
function closeMembers(server, room, code = NORMAL, reason = NORMAL_REASON) {
  checkName(room);
  // Members may use any transport, and raw websockets accept only these codes.
  if (code !== NORMAL && !(Number.isInteger(code) && code >= 3000 && code <= 4999)) {
    throw invalidArgument('the code', 'an integer: 1000, or 3000 to 4999', code);
  }
  if (typeof reason !== 'string') throw invalidArgument('the reason', 'a string', reason);
  const rooms = server._rooms;
  if (rooms === undefined) return 0;
  const { engine } = rooms;
  let count = 0;
  for (const key of engine.native.roomMembers(rooms.number, room)) {
    try {
      if (engine.sessions[key]?.close(code, reason)) count++;
    } catch (error) {
      count++;
      // A listener for 'end' or 'close' has thrown. The other members are closed all the same.
      setImmediate(() => {
        throw error;
      });
    }
  }
  return count;
}

module.exports = {
  Rooms,
  broadcast,
  closeMembers,
  join,
  leave,
  names,
  publish,
  publishFrom,
  roomsOf,
  size,
};
