'use strict';

/**
 * @file An echo service under `/s`, through both ingresses, for the long runs about connections. It is a child process
 * (with orders and answers by IPC) or a worker thread (with orders by `parentPort`).
 *
 * ECHO_END selects how it ends: see `endings.js`.
 */

const { isMainThread, parentPort } = require('node:worker_threads');

const sockjs = require('../..');
const { answerParent } = require('../support/answers');
const { close, collect, serveBothIngresses } = require('./lib/ingresses');

const { ECHO_HEARTBEAT = '25000', ECHO_DISCONNECT = '5000', ECHO_END } = process.env;

/** The exit code that `endings.js` expects. */
const CODE = 7;

const counts = { opened: 0, closed: 0 };
const open = new Set();

/** @param {object} conn */
function connected(conn) {
  counts.opened++;
  open.add(conn);
  conn.on('data', (message) => {
    if (message !== 'end') return void conn.write(message);
    if (ECHO_END === 'listener') process.exit(CODE);
    if (ECHO_END === 'exception') throw new Error('an uncaught exception');
  });
  conn.on('close', () => {
    counts.closed++;
    open.delete(conn);
    if (ECHO_END === 'close' && ending) process.exit(CODE);
  });
  if (ECHO_END === 'connection' && ending) process.exit(CODE);
}

let ending = false;

async function report() {
  if (globalThis.gc) await collect();
  const { heapUsed, external } = process.memoryUsage();
  return { ...counts, heapUsed, external };
}

const orders = {
  /** Ends the process or the thread as ECHO_END says. */
  end() {
    ending = true;
    if (ECHO_END === 'timer') setTimeout(() => process.exit(CODE), 3);
    // So many messages that some are still queued at the end.
    for (const conn of open) for (let left = 50; left > 0; left--) conn.write('the end');
    if (ECHO_END === 'write') process.exit(CODE);
  },
  stop() {
    close(servers);
    // Only clients may keep the process or the thread alive now.
    if (isMainThread) process.disconnect();
    else parentPort.close();
  },
};

let servers = [];

/** @returns {Promise<{ takeover: number, bridge: number }>} the ports of its http servers */
async function serve() {
  const served = await serveBothIngresses(
    (req, res) => res.end('own'),
    (server) => {
      const service = sockjs.createServer({
        prefix: '/s',
        log: null,
        heartbeat_delay: Number(ECHO_HEARTBEAT),
        disconnect_delay: Number(ECHO_DISCONNECT),
        sockjs_url: '/none',
      });
      service.on('connection', connected);
      service.installHandlers(server);
    },
  );
  servers = served.servers;
  return served.ports;
}

async function main() {
  const serving = serve();
  if (isMainThread) {
    answerParent({ ports: () => serving, report });
    process.on('SIGINT', () => {});
    process.on('message', ({ order }) => orders[order]?.());
    if (!ECHO_END) process.on('disconnect', () => servers[0].listening && process.exit());
  } else {
    parentPort.on('message', ({ order }) => orders[order]());
  }
  if (ECHO_END) {
    // Calls of native methods while the process exits.
    process.on('exit', () => {
      for (const conn of open) {
        conn.write('last');
        conn.close(4000, 'exit');
      }
    });
    if (ECHO_END === 'handled signal') process.on('SIGTERM', () => process.exit(CODE));
    if (ECHO_END === 'shutdown') {
      process.on('SIGTERM', () => {
        orders.stop();
        for (const conn of open) conn.close(4000, 'restart');
      });
    }
  }
  const ports = await serving;
  if (!isMainThread) parentPort.postMessage({ ports });
}

main();
