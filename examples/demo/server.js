'use strict';

/**
 * The demo's server: an echo and a chat on one http server, and the page that uses them.
 *
 *     node examples/demo/server.js        (PORT, default 9999; HOST, default 127.0.0.1)
 */

const fs = require('node:fs');
const http = require('node:http');
const path = require('node:path');
const sockjs = require('../..'); // in your application: require('sockjs-rs')

/** All files that the server serves. It reads no other file. */
const FILES = {
  '/': [path.join(__dirname, 'public/index.html'), 'text/html; charset=utf-8'],
  '/style.css': [path.join(__dirname, 'public/style.css'), 'text/css; charset=utf-8'],
  '/app.js': [path.join(__dirname, 'public/app.js'), 'text/javascript; charset=utf-8'],
  '/icon.svg': [path.join(__dirname, 'public/icon.svg'), 'image/svg+xml'],
  '/sockjs.min.js': [require.resolve('sockjs-client/dist/sockjs.min.js'), 'text/javascript'],
};

/** The rooms of the chat. The page has the same. */
const ROOMS = ['lobby', 'garden', 'library'];

/** The iframe transports load the client from here, so the demo works without internet. */
const options = {
  sockjs_url: '/sockjs.min.js',
  log: (severity, line) => severity === 'error' && console.error(line),
};

/** @returns {http.Server} the demo, not yet listening */
function createDemo() {
  const server = http.createServer(serveFile);

  const echo = sockjs.createServer(options);
  echo.on('connection', (conn) => conn.on('data', (message) => conn.write(message)));
  echo.installHandlers(server, { prefix: '/echo' });

  const chat = sockjs.createServer(options);
  chat.on('connection', (conn) => serveGuest(chat, conn));
  chat.installHandlers(server, { prefix: '/chat' });

  return server;
}

/**
 * Serves one client of the chat, which is in one room at a time. `{"name": …}` sets the nickname, `{"room": …}` changes
 * the room, `{"say": …}` sends a text to the room. One message may have several of them.
 *
 * @param {import('../..').Server} chat
 * @param {import('../..').Connection} conn the client's connection
 */
function serveGuest(chat, conn) {
  let name = '';
  let room = '';

  /** Tells everybody in the room of this client. */
  const tell = (event) => chat.publish(room, JSON.stringify({ ...event, room, id: conn.id, name }));

  /** Tells all clients how many are in each room. */
  const tellCounts = () => {
    const counts = Object.fromEntries(ROOMS.map((each) => [each, chat.size(each)]));
    chat.broadcast(JSON.stringify({ type: 'counts', counts }));
  };

  conn.on('data', (text) => {
    const given = parse(text);
    if (given.name && given.name !== name) {
      const before = name;
      name = given.name;
      if (room) tell({ type: 'rename', before });
    }
    if (name && given.room !== room && ROOMS.includes(given.room)) {
      if (room) {
        conn.leave(room);
        tell({ type: 'leave' });
      }
      room = given.room;
      conn.join(room);
      tell({ type: 'join' });
      tellCounts();
    }
    if (given.say && room) tell({ type: 'say', text: given.say });
  });

  conn.on('close', () => {
    if (!room) return;
    tell({ type: 'leave' }); // the connection has left the room already
    tellCounts();
  });
}

/**
 * @param {string} text a message of a client, which may be any text
 * @returns {{name: string, room: string, say: string}} its values, shortened if they are too long; `''` for each that
 *   is missing
 */
function parse(text) {
  try {
    const { name, room, say } = JSON.parse(text);
    const clean = (value, length) =>
      typeof value === 'string' ? value.trim().slice(0, length) : '';
    return { name: clean(name, 24), room: clean(room, 24), say: clean(say, 500) };
  } catch {
    return { name: '', room: '', say: '' };
  }
}

/** @type {http.RequestListener} */
function serveFile(req, res) {
  const file = FILES[req.url.split('?')[0]];
  if (!file || !['GET', 'HEAD'].includes(req.method)) {
    res.writeHead(file ? 405 : 404, { 'Content-Type': 'text/plain' });
    res.end(file ? 'Method not allowed\n' : 'Not found\n');
    return;
  }
  res.writeHead(200, { 'Content-Type': file[1], 'Cache-Control': 'no-cache' });
  if (req.method === 'HEAD') res.end();
  else fs.createReadStream(file[0]).pipe(res);
}

/** Starts the demo on PORT and HOST, and ends it at Ctrl-C. */
function main() {
  const { HOST: host = '127.0.0.1', PORT: given = '9999' } = process.env;
  const fail = (line) => {
    console.error(line);
    process.exit(1);
  };
  if (!/^\d{1,5}$/.test(given) || Number(given) > 65535) {
    fail(`PORT must be a number from 0 to 65535, not "${given}".`);
  }

  const server = createDemo();
  server.on('error', (error) => {
    if (error.code !== 'EADDRINUSE') fail(`The demo cannot listen: ${error.message}`);
    fail(
      `Port ${given} is in use. Choose another one, for example: PORT=${Number(given) + 1} npm start`,
    );
  });
  server.listen(Number(given), host, () => {
    const { port } = server.address();
    console.log(`The sockjs-rs demo runs at http://${host}:${port}/ (Ctrl-C ends it)`);
  });
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(0));
}

module.exports = { createDemo, main };

if (require.main === module) main();
