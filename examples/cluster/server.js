'use strict';

/**
 * @file An echo on several processes behind one port. All requests of a session must reach the process that has it, so
 * the primary gives all connections from one client address to the same worker. Behind a proxy, all clients have the
 * address of the proxy: there, let the proxy select the process (examples/haproxy, examples/nginx).
 *
 *     node examples/cluster/server.js
 *
 * (PORT, default 8080; HOST, default 127.0.0.1; WORKERS, default 2)
 */

const cluster = require('node:cluster');
const { createHash } = require('node:crypto');
const http = require('node:http');
const net = require('node:net');
const sockjs = require('sockjs-rs');

if (cluster.isPrimary) lead();
else work();

/** Accepts connections without reading from them, and passes them to workers. */
function lead() {
  const { HOST = '127.0.0.1', PORT = '8080', WORKERS = '2' } = process.env;
  const workers = Array.from({ length: Number(WORKERS) }, () => cluster.fork());
  const begun = new Set();
  cluster.on('message', (worker) => begun.add(worker));

  // A worker's sessions end with it. A new worker takes its place, so the other workers keep their clients.
  cluster.on('exit', (worker, code, signal) => {
    console.error(`Worker ${worker.process.pid} has ended: ${signal ?? code}`);
    if (!begun.has(worker)) process.exit(1); // it could not start, and the next one could not either
    workers[workers.indexOf(worker)] = cluster.fork();
  });

  const server = net.createServer({ pauseOnConnect: true }, (socket) => {
    const hash = createHash('sha1').update(`${socket.remoteAddress}`).digest();
    const worker = workers[hash.readUInt32BE() % workers.length];
    worker.send('connection', socket, (error) => error && socket.destroy());
  });
  server.on('error', ({ message }) => {
    console.error(`${message}. Another port: PORT=8081 node examples/cluster/server.js`);
    process.exit(1);
  });
  server.listen(Number(PORT), HOST, () => {
    console.log(`Listening: http://${HOST}:${server.address().port}/echo`);
  });
  process.once('SIGINT', () => process.exit());
}

/** Serves the connections that the primary passes on. */
function work() {
  const echo = sockjs.createServer();
  echo.on('connection', (conn) => {
    conn.on('data', (message) => conn.write(`${process.pid}: ${message}`));
  });

  const server = http.createServer((req, res) => res.end(`${process.pid}\n`));
  echo.installHandlers(server, { prefix: '/echo' });

  process.on('message', (message, socket) => {
    if (message !== 'connection' || !socket) return; // no socket: the client has disconnected already
    server.emit('connection', socket);
    socket.resume();
  });
  process.send('begun');
}
