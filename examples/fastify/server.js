'use strict';

/**
 * @file An echo beside the routes of Fastify: the service answers requests under its prefix, Fastify answers
 * all others. Fastify 5 needs Node 20 or later.
 *
 *     node examples/fastify/server.js        (PORT, default 8080; HOST, default 127.0.0.1)
 */

const fastify = require('fastify');
const sockjs = require('sockjs-rs');

const app = fastify();
app.get('/', () => 'Fastify answers here, the echo under /echo.\n');

const echo = sockjs.createServer();
echo.on('connection', (conn) => {
  conn.on('data', (message) => conn.write(message));
});
echo.installHandlers(app.server, { prefix: '/echo' });

const { HOST = '127.0.0.1', PORT = '8080' } = process.env;
app.listen({ host: HOST, port: Number(PORT) }).then(
  (url) => console.log(`Listening: ${url}/echo`),
  ({ message }) => {
    console.error(`${message}. Another port: PORT=8081 node examples/fastify/server.js`);
    process.exit(1);
  },
);
process.once('SIGINT', () => process.exit());
