'use strict';

/*
 * All transports in one form, for tests that apply to each of them.
 */

/**
 * @typedef {object} Transport
 * @property {string} protocol as `conn.protocol` names it
 * @property {boolean} upgraded whether it is a websocket
 * @property {boolean} polls whether its receiving request ends with each frame
 * @property {string} method of its receiving request
 * @property {string} path of that request, after the URL of the session
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
 * Opens a session under '/s', and waits until its client has been told.
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
 * Opens a session and, if the transport polls, waits until a poll waits at the server.
 *
 * @param {import('./server').TestServer} server
 * @param {Transport} transport
 */
async function receive(server, transport) {
  for (;;) {
    const client = await open(server, transport);
    const peer = await server.accept();
    if (!transport.polls || (await pollWaits(client, peer.conn, transport))) {
      return { ...client, peer };
    }
    // A poll that came after disconnect_delay has opened a session of its own.
    await server.accept();
    client.connection.abort();
  }
}

/**
 * Sends another poll, and waits until the server has it.
 *
 * @param {Awaited<ReturnType<typeof open>>} client
 * @param {object} conn
 * @param {Transport} transport
 * @returns {Promise<boolean>} false if the session ended before the poll came
 */
async function pollWaits({ connection, session }, conn, { method, path }) {
  const target = `${session}${path}${path.includes('?') ? '&' : '?'}waiting`;
  connection.send(method, target);
  while (conn.url !== target && conn.readyState !== 3) await new Promise(setImmediate);
  return conn.readyState !== 3;
}

module.exports = { every, open, polls, receive, requests, streams, websockets };
