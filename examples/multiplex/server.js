'use strict';

/**
 * @file Several channels over one connection, with the package websocket-multiplex: an echo, and a room in which
 * everybody receives all messages. A page uses the package's script multiplex_client.js:
 *
 *     const channels = new WebSocketMultiplex(new SockJS('/multiplex'));
 *     const room = channels.channel('room');
 *     room.onmessage = (event) => console.log(event.data);
 *     room.send('hello');
 *
 *     node examples/multiplex/server.js        (PORT, default 8080; HOST, default 127.0.0.1)
 */

const http = require('node:http');
const sockjs = require('sockjs-rs');
const { MultiplexServer } = require('websocket-multiplex');

const service = sockjs.createServer();
const channels = new MultiplexServer(service);

channels.registerChannel('echo').on('connection', (conn) => {
  conn.on('data', (message) => conn.write(message));
});

const present = new Set();
channels.registerChannel('room').on('connection', (conn) => {
  present.add(conn);
  conn.on('data', (message) => present.forEach((each) => each.write(message)));
  conn.on('close', () => present.delete(conn));
});

const server = http.createServer((req, res) => res.end('The channels are under /multiplex.\n'));
service.installHandlers(server, { prefix: '/multiplex' });

const { HOST = '127.0.0.1', PORT = '8080' } = process.env;
server.on('error', ({ message }) => {
  console.error(`${message}. Another port: PORT=8081 node examples/multiplex/server.js`);
  process.exit(1);
});
server.listen(Number(PORT), HOST, () => {
  console.log(`Listening: http://${HOST}:${server.address().port}/multiplex`);
});
process.once('SIGINT', () => process.exit());
