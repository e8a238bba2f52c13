'use strict';

/** @file The server under test: it echoes text and binary messages of raw websockets. */

const http = require('node:http');
const sockjs = require(process.env.SOCKJS_LIBRARY ?? '../..');

const server = http.createServer();
const echo = sockjs.createServer({ prefix: '/echo', binary: true, log: () => {} });
echo.on('connection', (conn) => conn.on('data', (message) => conn.write(message)));
echo.installHandlers(server);
server.listen(0, '127.0.0.1', () => console.log(`port ${server.address().port}`));
// The parent may end without ending this process. Its stdin ends then.
process.stdin.on('end', () => process.exit()).resume();
