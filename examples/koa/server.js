'use strict';

/**
 * @file An echo beside the middleware of Koa: the service answers requests under its prefix, Koa answers
 * all others.
 *
 *     node examples/koa/server.js        (PORT, default 8080; HOST, default 127.0.0.1)
 */

const http = require('node:http');
const Koa = require('koa');
const sockjs = require('sockjs-rs');

const app = new Koa();
app.use((ctx) => {
  ctx.body = 'Koa answers here, the echo under /echo.\n';
});

const echo = sockjs.createServer();
echo.on('connection', (conn) => {
  conn.on('data', (message) => conn.write(message));
});

// app.listen() would make another server, without the echo.
const server = http.createServer(app.callback());
echo.installHandlers(server, { prefix: '/echo' });

const { HOST = '127.0.0.1', PORT = '8080' } = process.env;
server.on('error', ({ message }) => {
  console.error(`${message}. Another port: PORT=8081 node examples/koa/server.js`);
  process.exit(1);
});
server.listen(Number(PORT), HOST, () => {
  console.log(`Listening: http://${HOST}:${server.address().port}/echo`);
});
process.once('SIGINT', () => process.exit());
