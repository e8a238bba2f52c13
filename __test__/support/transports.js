'use strict';

/*
 * Every transport in one shape, for tests of what is true of them all.
 */

/**
 * @typedef {object} Transport
 * @property {string} protocol as `conn.protocol` names it
 * @property {boolean} upgraded whether it has left HTTP
 * @property {boolean} polls whether its receiving request ends with each frame
 * @property {string} method of its receiving request
 * @property {string} path of it, behind the URL of the session
 * @property {string} opened what its client has received when the session is open
 */

/** @type {Transport[]} */
const transports = [
  ['websocket', 'GET', '/websocket', '\x81\x01o'],
  ['websocket-raw', 'GET', '/websocket', '\r\n\r\n'],
  ['xhr-streaming', 'POST', '/xhr_streaming', 'o\n'],
  ['eventsource', 'GET', '/eventsource', 'data: o\r\n\r\n'],
  ['htmlfile', 'GET', '/htmlfile?c=x', 'p("o");\n</script>\r\n'],
  ['xhr-polling', 'POST', '/xhr', 'o\n'],
  ['jsonp-polling', 'GET', '/jsonp?c=x', '/**/x("o");\r\n'],
].map(([protocol, method, path, opened]) => ({
  protocol,
  upgraded: protocol.startsWith('websocket'),
  polls: protocol.endsWith('polling'),
  method,
  path,
  opened,
}));

/** For `test.each`. */
const every = transports.map((transport) => [transport.protocol, transport]);
const requests = every.filter(([, transport]) => !transport.upgraded);
const websockets = every.filter(([, transport]) => transport.upgraded);
const streams = requests.filter(([, transport]) => !transport.polls);
const polls = requests.filter(([, transport]) => transport.polls);

/**
 * Opens a session under '/s', and waits until its client knows.
 *
 * @param {import('./client').Client} client
 * @param {Transport} transport
 */
async function open(client, transport) {
  const { method, path, upgraded, opened } = transport;
  const session = transport.protocol === 'websocket-raw' ? '/s' : client.session('/s');
  const connection = upgraded ? await client.handshake(session + path) : client.connect();
  const { wire } = connection;
  if (transport.polls) await connection.request(method, session + path);
  else {
    if (!upgraded) connection.send(method, session + path);
    await wire.read(() => {
      const at = wire.buffer.latin1Slice().indexOf(opened);
      return at < 0 ? undefined : wire.take(at + opened.length);
    }, 'the opening of a session');
  }
  return { connection, wire, socket: wire.socket, session };
}

/**
 * Opens a session and, where the transport polls, waits until the server has a poll to answer.
 *
 * @param {import('./server').TestServer} server
 * @param {Transport} transport
 */
async function receive(server, transport) {
  for (;;) {
    const client = await open(server, transport);
    const peer = await server.accept();
    if (!transport.polls || (await waits(client, peer.conn, transport))) return { ...client, peer };
    // A poll that came after disconnect_delay has opened a session of its own.
    await server.accept();
    client.connection.abort();
  }
}

/**
 * Polls again.
 *
 * @param {Awaited<ReturnType<typeof open>>} client
 * @param {object} conn
 * @param {Transport} transport
 * @returns {Promise<boolean>} whether the poll waits; false if the session ended before it came
 */
async function waits({ connection, session }, conn, { method, path }) {
  const target = `${session}${path}${path.includes('?') ? '&' : '?'}waiting`;
  connection.send(method, target);
  while (conn.url !== target && conn.readyState !== 3) await new Promise(setImmediate);
  return conn.readyState !== 3;
}

module.exports = { every, open, polls, receive, requests, streams, websockets };
