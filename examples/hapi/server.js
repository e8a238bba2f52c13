'use strict';

/**
 * @file An echo beside the routes of hapi: the service answers requests under its prefix, hapi answers
 * all others.
 *
 *     node examples/hapi/server.js        (PORT, default 8080; HOST, default 127.0.0.1)
 */

const Hapi = require('@hapi/hapi');
const sockjs = require('sockjs-rs');

const { HOST = '127.0.0.1', PORT = '8080' } = process.env;
const app = Hapi.server({ host: HOST, port: Number(PORT) });
app.route({
  method: 'GET',
  path: '/',
  handler: () => 'hapi answers here, the echo under /echo.\n',
});

const echo = sockjs.createServer();
echo.on('connection', (conn) => {
  conn.on('data', (message) => conn.write(message));
});
echo.installHandlers(app.listener, { prefix: '/echo' });

app.start().then(
  () => console.log(`Listening: ${app.info.uri}/echo`),
  ({ message }) => {
    console.error(`${message}. Another port: PORT=8081 node examples/hapi/server.js`);
    process.exit(1);
  },
);
process.once('SIGINT', () => process.exit());
