'use strict';

/** Attacks as tests. After each attack, the test checks that the server is unharmed. */

const { once } = require('node:events');
const { after, before, describe, it } = require('node:test');

const { Client } = require('../support/client');
const { ServerProcess } = require('./server-process');

// Some requests of sockets that were reset never complete, and Node's clean-up at a normal exit waits for
// them in a busy loop. process.exit() does not wait.
process.once('beforeExit', () => process.on('exit', () => process.exit()));

/** Each server process gets its ingress in its own environment. */
const INGRESSES = process.env.HOSTILE_LIBRARY ? ['oracle'] : ['takeover', 'bridge'];

/** How often all attacks of a table are repeated at the end. */
const ROUNDS = 4;
/** How many of them run at the same time. */
const CONCURRENCY = 8;

/**
 * @typedef {object} Scene
 * @property {ServerProcess} server
 * @property {Client} client its connections are closed after the attack
 */

/**
 * Runs each attack of a table through each ingress, and then all of them concurrently. A server that was
 * harmed is replaced before the next attack.
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
    describe(`survives ${title}, ${ingress}`, () => {
      const server = replaceable(ingress, options);
      for (const [name, act] of attacks) {
        it(name, async () => {
          const target = await server.get();
          await runAttack(target, act);
          await target.checkUnharmed();
        });
      }
      it('all at the same time', async (test) => {
        const target = await server.get();
        const queue = Array(rounds).fill(attacks).flat();
        await inParallel(CONCURRENCY, queue, ([, act]) => runAttack(target, act));
        await target.checkUnharmed();
        test.diagnostic(await target.state());
      });
    });
  }
}

/**
 * A server for the tests of one `describe`. It is replaced when an attack has harmed it.
 *
 * @param {string} ingress
 * @param {object} [options]
 */
function replaceable(ingress, options) {
  let server;
  before(async () => {
    server = await ServerProcess.start(ingress, options);
  });
  after(() => server.stop());
  return {
    /** @returns {Promise<ServerProcess>} */
    get: async () => {
      if (server.exitReason || server.harmed) {
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
async function runAttack(server, act) {
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
 * @param {number} count how many items are processed at the same time
 * @param {Iterable<T>} work
 * @param {(item: T, worker: number) => Promise<unknown>} act
 */
async function inParallel(count, work, act) {
  // All workers share one iterator, so each item is processed once.
  const items = work[Symbol.iterator]();
  const worker = async (_, number) => {
    for (let next = items.next(); !next.done; next = items.next()) await act(next.value, number);
  };
  await Promise.all(Array.from({ length: count }, worker));
}

/**
 * @param {Client} client
 * @returns {Promise<import('../support/http-client').HttpConnection>} an established connection: what is
 *   written to it is sent, even if the socket is destroyed immediately
 */
async function connect(client) {
  const connection = client.connect();
  await once(connection.wire.socket, 'connect');
  return connection;
}

/** As `connect`, after one request: through the takeover ingress, Rust has the connection then. */
async function used(client) {
  const connection = await connect(client);
  await connection.request('GET', '/s/info');
  return connection;
}

/** How a client ends its connection. */
const ways = {
  disconnects: (socket) => socket.destroy(),
  resets: (socket) => {
    socket.resetAndDestroy();
  },
  'half-closes': (socket) => socket.end(),
};

module.exports = { INGRESSES, attack, connect, inParallel, replaceable, runAttack, used, ways };
