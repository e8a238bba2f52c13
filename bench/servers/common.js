'use strict';

/**
 * @file Shared by the servers: an http or https server, a service of either SockJS package, and the commands of the
 * runner.
 *
 * Arguments: `--tls`, `--fan-out`, `--io-threads N`, and those of `rooms.js`. The environment variable PORT is the port,
 * by default a free one. The server prints its port. Each line of its standard input is a command, and is answered with
 * a line; `collect` collects garbage. The server exits when its standard input ends, so that no server outlives the
 * runner.
 */

const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const http = require('node:http');
const https = require('node:https');
const os = require('node:os');
const path = require('node:path');
const readline = require('node:readline');
const { setImmediate: turn } = require('node:timers/promises');

const { Loop, commands, connections, enter, inRooms } = require('./rooms');

const argv = process.argv.slice(2);

/** Whether every message goes to all connections instead of back to its sender. */
const fanOut = argv.includes('--fan-out');

/** @returns {import('node:http').Server} */
function createServer() {
  if (!argv.includes('--tls')) return http.createServer(notFound);
  return https.createServer(certificate(), notFound);
}

/** Makes a key and a self-signed certificate. */
function certificate() {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'sockjs-bench-'));
  try {
    const [key, cert] = [path.join(folder, 'key.pem'), path.join(folder, 'cert.pem')];
    execFileSync('openssl', [...OPENSSL, '-keyout', key, '-out', cert], { stdio: 'pipe' });
    return { key: fs.readFileSync(key), cert: fs.readFileSync(cert) };
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
}

/**
 * @param {import('node:http').IncomingMessage} req
 * @param {import('node:http').ServerResponse} res
 */
function notFound(req, res) {
  res.writeHead(404).end();
}

/**
 * Listens, prints the port, and obeys the commands of the runner.
 *
 * @param {import('node:http').Server} server
 * @param {Record<string, (...args: string[]) => unknown>} [more] commands; each returns its answer, which may be a promise
 */
function listen(server, more = {}) {
  server.listen(Number(process.env.PORT || 0), '127.0.0.1', () => {
    console.log(server.address().port);
  });
  const all = { collect, ...more };
  readline
    .createInterface({ input: process.stdin })
    .on('line', async (line) => {
      const [name, ...args] = line.split(' ');
      console.log(await all[name](...args));
    })
    .on('close', () => process.exit());
}

async function collect() {
  globalThis.gc();
  // The second collection frees the objects that the first one has finalised.
  await turn();
  globalThis.gc();
  return 'collected';
}

/**
 * Serves `/echo` with a SockJS package.
 *
 * @param {typeof import('sockjs')} sockjs
 * @param {Record<string, any>} options
 * @param {(service: any) => import('./rooms').Rooms<any>} [roomsOf] by default a loop over the members
 */
function serveSockjs(sockjs, options, roomsOf = loopOver) {
  const service = sockjs.createServer({ prefix: '/echo', ...options });
  const rooms = roomsOf(service);
  service.on('connection', (conn) => {
    if (inRooms) {
      conn.on(
        'data',
        enter(rooms, conn, conn.url, (message) => conn.write(message)),
      );
      conn.on('close', () => connections.delete(conn));
      return;
    }
    if (!fanOut) {
      conn.on('data', (message) => conn.write(message));
      return;
    }
    connections.add(conn);
    conn.on('close', () => connections.delete(conn));
    conn.on('data', (message) => {
      for (const to of connections) to.write(message);
    });
  });
  const server = createServer();
  service.installHandlers(server);
  listen(server, commands(rooms));
}

function loopOver() {
  return new Loop((conn, message) => conn.write(message));
}

const OPENSSL = [
  ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'],
  ...['-subj', '/CN=localhost', '-days', '2'],
];

module.exports = { createServer, fanOut, listen, loopOver, serveSockjs };
