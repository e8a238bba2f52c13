'use strict';

/**
 * @file An echo over https. To try it, make a self-signed certificate:
 *
 *     openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=localhost \
 *       -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout key.pem -out cert.pem
 *     node examples/https/server.js
 *
 * (KEY and CERT, default key.pem and cert.pem; PORT, default 8443; HOST, default 127.0.0.1)
 */

const fs = require('node:fs');
const https = require('node:https');
const sockjs = require('sockjs-rs');

const { HOST = '127.0.0.1', PORT = '8443', KEY = 'key.pem', CERT = 'cert.pem' } = process.env;

const echo = sockjs.createServer();
echo.on('connection', (conn) => {
  conn.on('data', (message) => conn.write(message));
});

const server = https.createServer({ key: read(KEY), cert: read(CERT) }, (req, res) => {
  res.end('The echo is under /echo.\n');
});
echo.installHandlers(server, { prefix: '/echo' });

server.on('error', ({ message }) => fail(`${message}. PORT=8444 chooses another one.`));
server.listen(Number(PORT), HOST, () => {
  console.log(`Listening: https://${HOST}:${server.address().port}/echo`);
});
process.once('SIGINT', () => process.exit());

/** @param {string} file */
function read(file) {
  try {
    return fs.readFileSync(file);
  } catch ({ message }) {
    return fail(`${message}. The head of examples/https/server.js says how to make it.`);
  }
}

/** @param {string} line */
function fail(line) {
  console.error(line);
  process.exit(1);
}
