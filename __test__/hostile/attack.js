'use strict';

/** Attacks as tests: each is followed by a look at whether the server has come to harm. */

const { once } = require('node:events');
const { after, before, describe, it } = require('node:test');

const { Client } = require('../support/client');
const { ServerProcess } = require('./server-process');

// Requests of sockets that have been reset are never answered, and Node, when it cleans up behind a process
// that is over, waits for them with all its might. This ends without the cleaning.
process.once('beforeExit', () => process.on('exit', () => process.exit()));

/** SOCKJS_RS_DOOR would choose for all servers: each server chooses by itself. */
const INGRESSES = process.env.HOSTILE_LIBRARY ? ['oracle'] : ['takeover', 'bridge'];

/** How often all attacks of a table are repeated at once, after each has been looked at by itself. */
const ROUNDS = 4;
const AT_A_TIME = 8;

/**
 * @typedef {object} Scene
 * @property {ServerProcess} server
 * @property {Client} client whose connections end with the attack, if it has left any
 */

/**
 * Makes each attack of a table by each ingress, and then all of them at once. A server that has died is
 * replaced, so that what follows says something too.
 *
 * @param {string} title
 * @param {[string, (scene: Scene) => Promise<unknown>][]} attacks
 * @param {object} [options]
 * @param {object} [options.http] options of the http server
 * @param {object} [options.service] options of its services
 * @param {number} [options.rounds] how often all attacks are repeated
 */
function attack(title, attacks, { rounds = ROUNDS, ...options } = {}) {
  for (const ingress of INGRESSES) {
    describe(`${title}, by the ${ingress} ingress`, () => {
      const server = guarded(ingress, options);
      for (const [name, act] of attacks) {
        it(name, async () => {
          const target = await server.get();
          await make(target, act);
          await target.isUnharmed();
        });
      }
      it('all of it at once', async (test) => {
        const target = await server.get();
        const queue = Array(rounds).fill(attacks).flat();
        await inParallel(AT_A_TIME, queue, ([, act]) => make(target, act));
        await target.isUnharmed();
        test.diagnostic(await target.state());
      });
    });
  }
}

/**
 * A server for the tests of one `describe`, started again when an attack has ended it.
 *
 * @param {string} ingress
 * @param {object} [options]
 */
function guarded(ingress, options) {
  let server;
  before(async () => {
    server = await ServerProcess.start(ingress, options);
  });
  after(() => server.stop());
  return {
    /** @returns {Promise<ServerProcess>} */
    get: async () => {
      if (server.death || server.harmed) {
        await server.stop();
        server = await ServerProcess.start(ingress, options);
      }
      return server;
    },
  };
}

/**
 * @param {ServerProcess} server
 * @param {(scene: Scene) => Promise<unknown>} act
 */
async function make(server, act) {
  const client = new Client(server.port);
  try {
    await act({ server, client });
  } catch (error) {
    server.harmed = true;
    throw error;
  } finally {
    client.disconnect();
  }
}

/**
 * @template T
 * @param {number} lanes
 * @param {Iterable<T>} work
 * @param {(item: T, lane: number) => Promise<unknown>} act
 */
async function inParallel(lanes, work, act) {
  // One iterator for all lanes: each item is taken once.
  const items = work[Symbol.iterator]();
  const lane = async (_, number) => {
    for (let next = items.next(); !next.done; next = items.next()) await act(next.value, number);
  };
  await Promise.all(Array.from({ length: lanes }, lane));
}

/**
 * @param {Client} client
 * @returns {Promise<import('../support/http-client').HttpConnection>} a connection that stands:
 *   what is written now leaves, whatever is done to the socket then
 */
async function connect(client) {
  const connection = client.connect();
  await once(connection.wire.socket, 'connect');
  return connection;
}

/** As `connect`, with a request served: by the takeover ingress it is Rust's now. */
async function used(client) {
  const connection = await connect(client);
  await connection.request('GET', '/s/info');
  return connection;
}

/** How a peer goes: what it does to its socket. */
const ways = {
  leaves: (socket) => socket.destroy(),
  resets: (socket) => {
    socket.resetAndDestroy();
  },
  'ends its side': (socket) => socket.end(),
};

module.exports = { INGRESSES, attack, connect, guarded, inParallel, make, used, ways };
