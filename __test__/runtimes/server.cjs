'use strict';

/*
 * The server of the suite, in a process of the tested runtime. Prints `port N`, connections and their ends.
 * `/s` is installed on the http server. For `/late`, the application calls the handler after a delay. Messages
 * are echoed, except for the names of commands.
 */

const http = require('node:http');
const sockjs = require('../..');

/** Milliseconds. */
const DELAY = 50;

const commands = {
  exit(conn) {
    conn.write('bye');
    conn.close(4001, 'restart');
    process.exit(3);
  },
  throw(conn) {
    conn.write('bye');
    conn.close(4001, 'restart');
    throw new Error('after write');
  },
  close: (conn) => conn.close(4001, 'enough'),
};

function serve(conn) {
  console.log(`connection ${conn.protocol} ${conn.remoteAddress} ${conn.url}`);
  conn.on('data', (message) => (commands[message] ? commands[message](conn) : conn.write(message)));
  conn.on('close', () => console.log(`close ${conn.protocol} ${conn.url}`));
}

const options = { log: () => {}, disconnect_delay: 200 };
const installed = sockjs.createServer({ ...options, prefix: '/s' });
const called = sockjs.createServer({ ...options, prefix: '/late' });
for (const service of [installed, called]) service.on('connection', serve);

const handler = called.middleware();
const later = (call) => setTimeout(call, DELAY);

const server = http.createServer((request, response) => {
  if (request.url.startsWith('/late')) return later(() => handler(request, response));
  if (request.url === '/close') server.close(() => console.log('server closed'));
  let body = '';
  request.on('data', (chunk) => (body += chunk));
  return request.on('end', () => response.end(`${request.method} ${request.url} ${body}`));
});
server.on('upgrade', (request, socket, head) => {
  socket.on('error', () => {});
  if (request.url.startsWith('/late')) later(() => handler.upgrade(request, socket, head));
});
installed.installHandlers(server);
server.listen(0, '127.0.0.1', () => console.log(`port ${server.address().port}`));
