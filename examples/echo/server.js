'use strict';

/**
 * @file Sends every message back to its sender.
 *
 *     node examples/echo/server.js        (PORT, default 8080; HOST, default 127.0.0.1)
 */

const http = require('node:http');
const sockjs = require('sockjs-rs');

const echo = sockjs.createServer();
echo.on('connection', (conn) => {
  conn.on('data', (message) => conn.write(message));
});

const server = http.createServer((req, res) => res.end('The echo is under /echo.\n'));
echo.installHandlers(server, { prefix: '/echo' });

const { HOST = '127.0.0.1', PORT = '8080' } = process.env;
server.on('error', ({ message }) => {
  console.error(`${message}. Another port: PORT=8081 node examples/echo/server.js`);
  process.exit(1);
});
server.listen(Number(PORT), HOST, () => {
  console.log(`Listening: http://${HOST}:${server.address().port}/echo`);
});
process.once('SIGINT', () => process.exit());
