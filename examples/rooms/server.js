'use strict';

/**
 * @file A chat with rooms. A client is in one room at a time, first in the lobby. It sends `/join NAME` to change the
 * room. All other messages go to everybody in its room:
 *
 *     const socket = new SockJS('/chat');
 *     socket.onmessage = (event) => console.log(event.data);
 *     socket.onopen = () => socket.send('/join garden');
 *
 *     node examples/rooms/server.js        (PORT, default 8080; HOST, default 127.0.0.1)
 */

const http = require('node:http');
const sockjs = require('sockjs-rs');

const chat = sockjs.createServer();
const tellCount = (room) => chat.publish(room, `${room}: ${chat.size(room)} here`);

chat.on('connection', (conn) => {
  let room = 'lobby';
  conn.join(room);
  tellCount(room);
  conn.on('data', (message) => {
    if (typeof message !== 'string') return; // JSON of a client other than sockjs-client
    const [, next] = /^\/join (\w{1,40})$/.exec(message) ?? [];
    if (!next) return void chat.publish(room, message);
    conn.leave(room);
    tellCount(room);
    room = next;
    conn.join(room);
    tellCount(room);
  });
  conn.on('close', () => tellCount(room)); // it has left the room already
});

const server = http.createServer((req, res) => res.end('The chat is under /chat.\n'));
chat.installHandlers(server, { prefix: '/chat' });

const { HOST = '127.0.0.1', PORT = '8080' } = process.env;
server.on('error', ({ message }) => {
  console.error(`${message}. Another port: PORT=8081 node examples/rooms/server.js`);
  process.exit(1);
});
server.listen(Number(PORT), HOST, () => {
  console.log(`Listening: http://${HOST}:${server.address().port}/chat`);
});
process.once('SIGINT', () => process.exit());
