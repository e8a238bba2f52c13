'use strict';

/**
 * @file One of the processes behind HAProxy; it answers with its name. prefix.cfg and cookie.cfg are two ways to
 * send all requests of a session to the process that has it.
 *
 *     NAME=one PORT=8081 node examples/haproxy/server.js
 *     NAME=two PORT=8082 node examples/haproxy/server.js
 *     haproxy -f examples/haproxy/prefix.cfg        (or cookie.cfg)
 */

const http = require('node:http');
const sockjs = require('sockjs-rs');

const { HOST = '127.0.0.1', NAME = 'one', PORT = '8081' } = process.env;

// cookie.cfg writes the name of the process into this cookie; prefix.cfg does not need it.
const echo = sockjs.createServer({ jsessionid: true });
echo.on('connection', (conn) => {
  conn.on('data', (message) => conn.write(`${NAME}: ${message}`));
});

const server = http.createServer((req, res) => res.end(`${NAME}\n`));
echo.installHandlers(server, { prefix: '/echo' });

server.on('error', ({ message }) => {
  console.error(`${message}. Another port: PORT=8083 node examples/haproxy/server.js`);
  process.exit(1);
});
server.listen(Number(PORT), HOST, () => {
  console.log(`Listening: http://${HOST}:${server.address().port}/echo`);
});
process.once('SIGINT', () => process.exit());
