'use strict';

/**
 * @file One of the processes behind nginx; it answers with its name. prefix.conf and cookie.conf are two ways to
 * send all requests of a session to the process that has it. Include one of them in nginx's `http { … }`; on Debian,
 * copy it to the folder /etc/nginx/conf.d.
 *
 *     NAME=one PORT=8081 node examples/nginx/server.js
 *     NAME=two PORT=8082 node examples/nginx/server.js
 */

const http = require('node:http');
const sockjs = require('sockjs-rs');

const { HOST = '127.0.0.1', NAME = 'one', PORT = '8081' } = process.env;

const echo = sockjs.createServer({
  // Only for cookie.conf: nginx cannot write the name of a process into a cookie, so the process does. Leave this out
  // with prefix.conf: with a function, requests do not take the takeover, which is faster.
  jsessionid: (req, res) => res.setHeader('Set-Cookie', `JSESSIONID=${NAME}; path=/`),
});
echo.on('connection', (conn) => {
  conn.on('data', (message) => conn.write(`${NAME}: ${message}`));
});

const server = http.createServer((req, res) => res.end(`${NAME}\n`));
echo.installHandlers(server, { prefix: '/echo' });

server.on('error', ({ message }) => {
  console.error(`${message}. Another port: PORT=8083 node examples/nginx/server.js`);
  process.exit(1);
});
server.listen(Number(PORT), HOST, () => {
  console.log(`Listening: http://${HOST}:${server.address().port}/echo`);
});
process.once('SIGINT', () => process.exit());
