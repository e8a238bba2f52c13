'use strict';

/**
 * @file An echo beside the routes of Express: the service answers requests under its prefix, Express answers
 * all others.
 *
 *     node examples/express/server.js        (PORT, default 8080; HOST, default 127.0.0.1)
 */

const http = require('node:http');
const express = require('express');
const sockjs = require('sockjs-rs');

const app = express();
app.get('/', (req, res) => res.send('Express answers here, the echo under /echo.\n'));

const echo = sockjs.createServer();
echo.on('connection', (conn) => {
  conn.on('data', (message) => conn.write(message));
});

// app.listen() would make another server, without the echo.
const server = http.createServer(app);
echo.installHandlers(server, { prefix: '/echo' });

const { HOST = '127.0.0.1', PORT = '8080' } = process.env;
server.on('error', ({ message }) => {
  console.error(`${message}. Another port: PORT=8081 node examples/express/server.js`);
  process.exit(1);
});
server.listen(Number(PORT), HOST, () => {
  console.log(`Listening: http://${HOST}:${server.address().port}/echo`);
});
process.once('SIGINT', () => process.exit());
