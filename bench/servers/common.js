'use strict';

/**
 * @file Shared by the echo servers: an http or https server, a service of either SockJS package, and the commands of
 * the runner.
 *
 * Arguments: `--tls`, `--fan-out`, `--io-threads N`. The environment variable PORT is the port, by default a free one.
 * The server prints its port. At SIGUSR2 it collects garbage and prints `collected`. It exits when its standard input
 * ends, so that no server outlives the runner.
 */

const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const http = require('node:http');
const https = require('node:https');
const os = require('node:os');
const path = require('node:path');

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
 */
function listen(server) {
  server.listen(Number(process.env.PORT || 0), '127.0.0.1', () => {
    console.log(server.address().port);
  });
  process.on('SIGUSR2', () => {
    // The second collection frees the objects that the first one has finalised.
    globalThis.gc();
    setImmediate(() => {
      globalThis.gc();
      console.log('collected');
    });
  });
  process.stdin.on('end', () => process.exit()).resume();
}

/**
 * Serves `/echo` with a SockJS package.
 *
 * @param {typeof import('sockjs')} sockjs
 * @param {Record<string, any>} options
 */
function serveSockjs(sockjs, options) {
  const service = sockjs.createServer({ prefix: '/echo', ...options });
  const connections = new Set();
  service.on('connection', (conn) => {
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
  listen(server);
}

/**
 * @param {string} name of an argument, which a number follows
 * @returns {number | undefined}
 */
function numberAfter(name) {
  const at = argv.indexOf(name);
  return at === -1 ? undefined : Number(argv[at + 1]);
}

const OPENSSL = [
  ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'],
  ...['-subj', '/CN=localhost', '-days', '2'],
];

module.exports = { createServer, fanOut, listen, numberAfter, serveSockjs };
