'use strict';

const { loopOver, serveSockjs } = require('./common');
const { numberAfter } = require('./rooms');

/** @returns {import('./rooms').Rooms<import('../..').Connection>} */
function roomsOf(service) {
  return {
    join: (conn, room) => conn.join(room),
    leave: (conn, room) => conn.leave(room),
    publish: (room, message) => service.publish(room, message),
  };
}

serveSockjs(
  require('../..'),
  { log: null, io_threads: numberAfter('--io-threads') ?? 1 },
  process.argv.includes('--publish') ? roomsOf : loopOver,
);
