'use strict';

/**
 * @file An echo for clients without sockjs-client. <prefix>/websocket serves plain websockets, which have no
 * SockJS frames and can carry binary messages. client.js is such a client.
 *
 *     node examples/raw-websocket/server.js        (PORT, default 8080; HOST, default 127.0.0.1)
 */

const http = require('node:http');
const sockjs = require('sockjs-rs');

// With `binary`, a Buffer is sent as a binary message, not as text.
const echo = sockjs.createServer({ binary: true });
echo.on('connection', (conn) => {
  conn.on('data', (message) => conn.write(message));
});

const server = http.createServer((req, res) => res.end('The echo is under /echo.\n'));
echo.installHandlers(server, { prefix: '/echo' });

const { HOST = '127.0.0.1', PORT = '8080' } = process.env;
server.on('error', ({ message }) => {
  console.error(`${message}. Another port: PORT=8081 node examples/raw-websocket/server.js`);
  process.exit(1);
});
server.listen(Number(PORT), HOST, () => {
  console.log(`Listening: ws://${HOST}:${server.address().port}/echo/websocket`);
});
process.once('SIGINT', () => process.exit());
