'use strict';

/** Clients of each transport that end their connection, in each way and at each stage. */

const { every, open } = require('../support/transports');
const { OPCODE, encodeClose, encodeFrame } = require('../support/websocket-client');
const { attack, connect, used, ways } = require('./attack');

const MIB = 1 << 20;

const HANDSHAKE =
  'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n' +
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n';

/** The head of the receiving request of a transport. */
function head({ method, path, upgraded, protocol }, client, length = 0) {
  const session = protocol === 'websocket-raw' ? '/s' : client.session('/s');
  const lines = upgraded ? HANDSHAKE : `Content-Length: ${length}\r\n`;
  return `${method} ${session}${path} HTTP/1.1\r\nHost: localhost\r\n${lines}\r\n`;
}

/** Opens a session and, where the transport polls, polls again. */
async function receive(client, transport) {
  const opened = await open(client, transport);
  const { method, path, polls } = transport;
  if (polls) opened.connection.send(method, opened.session + path);
  return opened;
}

async function sendMessage(client, transport, { wire, session }, message) {
  const payload = JSON.stringify([message]);
  if (transport.upgraded) {
    wire.write(encodeFrame({ payload: transport.protocol === 'websocket' ? payload : message }));
  } else await client.post(`${session}/xhr_send`, payload);
}

const has = (wire, text) => wire.read(() => wire.buffer.includes(text) || undefined, text);

/** Brings a connection of any transport to a stage. Returns the wire that the client ends then. */
const stages = {
  'before it sends anything': async (client) => (await connect(client)).wire,
  'between two requests': async (client) => (await used(client)).wire,
  'within a head': async (client, transport) => {
    const { wire } = await connect(client);
    wire.write(head(transport, client).slice(0, -12));
    await client.get('/app');
    return wire;
  },
  'within the head of a later request': async (client, transport) => {
    const { wire } = await used(client);
    wire.write(head(transport, client).slice(0, -12));
    await client.get('/app');
    return wire;
  },
  'within a body': async (client, transport) => {
    const { wire } = await connect(client);
    wire.write(`${head(transport, client, 9)}half`);
    await client.get('/app');
    return wire;
  },
  'within the body of a later request': async (client, transport) => {
    const { wire } = await used(client);
    wire.write(`${head(transport, client, 9)}half`);
    await client.get('/app');
    return wire;
  },
  'immediately after its request': async (client, transport) => {
    const { wire } = await connect(client);
    wire.write(head(transport, client));
    return wire;
  },
  'immediately after a later request': async (client, transport) => {
    const { wire } = await used(client);
    wire.write(head(transport, client));
    return wire;
  },
  'when its session is open': async (client, transport) => (await receive(client, transport)).wire,
  'after half a message': async (client, transport) => {
    const opened = await receive(client, transport);
    const frame = encodeFrame({ payload: '["whole"]' });
    if (transport.upgraded) {
      opened.wire.write(Buffer.concat([frame, frame.subarray(0, 9)]));
    } else {
      const sender = await used(client);
      const target = `POST ${opened.session}/xhr_send HTTP/1.1\r\nHost: a\r\n`;
      sender.wire.write(`${target}Content-Length: 99\r\n\r\n["half`);
      await client.get('/app');
      sender.abort();
    }
    return opened.wire;
  },
  'while messages are sent to it': async (client, transport) => {
    const opened = await receive(client, transport);
    opened.socket.pause();
    await sendMessage(client, transport, opened, `write ${4 * MIB}`);
    return opened.wire;
  },
  'after its own close frame': async (client, transport) => {
    const opened = await receive(client, transport);
    if (transport.upgraded) opened.wire.write(encodeClose(1000));
    return opened.wire;
  },
  'after the server has closed its session': async (client, transport) => {
    const opened = await receive(client, transport);
    await sendMessage(client, transport, opened, 'close');
    await has(opened.wire, 'as you wish');
    return opened.wire;
  },
  'within a large message': async (client, transport) => {
    const opened = await receive(client, transport);
    if (transport.upgraded) {
      const part = { payload: 'x'.repeat(MIB / 4), fin: false };
      const more = { ...part, opcode: OPCODE.continuation };
      opened.wire.write(Buffer.concat([encodeFrame(part), encodeFrame(more)]));
    } else {
      const sender = client.connect();
      const target = `POST ${opened.session}/xhr_send HTTP/1.1\r\nHost: a\r\n`;
      sender.wire.write(`${target}Content-Length: ${MIB}\r\n\r\n["${'x'.repeat(MIB / 2)}`);
      await client.get('/app');
      ways.resets(sender.wire.socket);
    }
    return opened.wire;
  },
  'after a request during its response': async (client, transport) => {
    const opened = await receive(client, transport);
    opened.wire.write('GET /app HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await client.get('/app');
    return opened.wire;
  },
};

/** The server stops reading here, so it notices the end of the connection only when a heartbeat fails. */
const unread = {
  'after very many requests during its response': async (client, transport) => {
    const opened = await receive(client, transport);
    opened.wire.write('GET /s/info HTTP/1.1\r\nHost: localhost\r\n\r\n'.repeat(5000));
    await client.get('/app');
    return opened.wire;
  },
};

for (const [way, leave] of Object.entries(ways)) {
  const atEach = (table) =>
    Object.entries(table).map(([stage, play]) => [
      stage,
      async ({ client }) => {
        for (const [, transport] of every) {
          const wire = await play(client, transport);
          leave(wire.socket);
          if (way !== 'half-closes' || table === unread) continue;
          // The server ends the connection then. Whether it sends pending data first is not checked.
          wire.socket.resume();
          await wire.end();
        }
      },
    ]);
  // `disconnect_delay` is long enough for a second poll on a busy machine.
  attack(`a client of each transport that ${way}`, atEach(stages), {
    service: { disconnect_delay: 1500 },
  });
  attack(`a client of each transport that ${way}`, atEach(unread), {
    service: { heartbeat_delay: 300 },
    rounds: 1,
  });
}
