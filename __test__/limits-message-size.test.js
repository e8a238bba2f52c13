'use strict';

/*
 * `max_message_size`: one incoming message or request body (docs/compatibility.md, "Limits").
 */

const { addition, ingresses } = require('./support/library');
const { Log } = require('./support/log');
const { startService } = require('./support/server');
const { OPCODE, encodeFrame } = require('./support/websocket-client');

const LIMIT = 1000;
const TOO_LARGE = [1009, 'WebSocket frame length too large'];

/** @type {Record<string, (length: number) => string>} one message whose payload has this number of bytes */
const payloads = {
  websocket: (length) => `["${'x'.repeat(length - 4)}"]`,
  'websocket-raw': (length) => 'x'.repeat(length),
};
const targets = { websocket: '/s/0/0/websocket', 'websocket-raw': '/s/websocket' };

/** Ways to send a payload, as frames. */
const shapes = {
  'one frame': (opcode, payload) => [{ opcode, payload }],
  'three frames': (opcode, payload) => {
    const third = Math.floor(payload.length / 3);
    return [
      { opcode, payload: payload.slice(0, third), fin: false },
      { opcode: OPCODE.continuation, payload: payload.slice(third, 2 * third), fin: false },
      { opcode: OPCODE.continuation, payload: payload.slice(2 * third) },
    ];
  },
  'one frame and its end': (opcode, payload) => [
    { opcode, payload, fin: false },
    { opcode: OPCODE.continuation },
  ],
};

/** Requests that send messages: their headers, their body for an array as JSON, and the answer. */
const senders = {
  xhr_send: { headers: {}, body: (json) => json, answer: [204, ''] },
  jsonp_send: {
    headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
    body: (json) => `d=${json}`,
    answer: [200, 'ok'],
  },
};

/** Ways to send a body. */
const codings = {
  'with its length': (body) => [`Content-Length: ${body.length}\r\n`, body],
  'in one chunk': (body) => [
    'Transfer-Encoding: chunked\r\n',
    `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`,
  ],
  'in chunks of one byte': (body) => [
    'Transfer-Encoding: chunked\r\n',
    `${[...body].map((byte) => `1\r\n${byte}\r\n`).join('')}0\r\n\r\n`,
  ],
};

/** Opens a websocket, and waits until the application has its connection. */
async function open(ingress, protocol, options) {
  const server = await startService(ingress, options);
  const ws = await server.websocket(targets[protocol]);
  if (protocol === 'websocket') expect(await ws.message()).toBe('o');
  return { server, ws, peer: await server.accept() };
}

const send = (ws, frames) => ws.wire.write(Buffer.concat(frames.map(encodeFrame)));

describe.each(ingresses)('max_message_size, by the %s ingress', (ingress) => {
  describe.each(Object.keys(targets))('%s', (protocol) => {
    const payload = payloads[protocol];

    describe.each(Object.keys(shapes))('in %s', (shape) => {
      for (const kind of ['text', 'binary']) {
        const frames = (length) => shapes[shape](OPCODE[kind], payload(length));

        addition(`${kind} below and at the limit is delivered`, async () => {
          const { ws, peer } = await open(ingress, protocol, { max_message_size: LIMIT });
          for (const length of [LIMIT - 1, LIMIT]) send(ws, frames(length));
          await peer.until('data', 2);
          const raw = protocol === 'websocket-raw';
          const lengths = peer.messages.map((message) =>
            // A binary array is one message, as in 0.3.24.
            raw ? message.length : JSON.stringify([message].flat()).length,
          );
          expect(lengths).toEqual([LIMIT - 1, LIMIT]);
        });

        addition(`${kind} above the limit closes with 1009`, async () => {
          const { ws, peer } = await open(ingress, protocol, { max_message_size: LIMIT });
          send(ws, frames(LIMIT + 1));
          expect(await ws.closeFrame()).toEqual(TOO_LARGE);
          await ws.end();
          await peer.until('close');
          expect(peer.events).toEqual([['end'], ['close']]);
        });
      }
    });

    addition('messages before one above the limit are delivered', async () => {
      const { ws, peer } = await open(ingress, protocol, { max_message_size: LIMIT });
      send(ws, [
        { payload: payload(10) },
        { payload: payload(LIMIT + 1) },
        { payload: payload(11) },
      ]);
      expect(await ws.closeFrame()).toEqual(TOO_LARGE);
      await peer.until('close');
      expect(peer.events.map(([name]) => name)).toEqual(['data', 'end', 'close']);
    });

    addition('a frame is refused by its length, before its payload arrives', async () => {
      const { ws, peer } = await open(ingress, protocol, { max_message_size: LIMIT });
      const eight = Buffer.from([0x81, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
      ws.wire.write(eight);
      expect(await ws.closeFrame()).toEqual(TOO_LARGE);
      await peer.until('close');
    });

    addition('fragments that exceed the limit together close with 1009', async () => {
      const { ws, peer } = await open(ingress, protocol, { max_message_size: LIMIT });
      send(ws, [{ payload: 'x', fin: false }]);
      const more = { opcode: OPCODE.continuation, payload: 'x', fin: false };
      send(ws, Array(LIMIT).fill(more));
      expect(await ws.closeFrame()).toEqual(TOO_LARGE);
      await peer.until('close');
      expect(peer.messages).toEqual([]);
    });

    addition('faye_server_options.maxLength takes precedence', async () => {
      const options = { max_message_size: 10, faye_server_options: { maxLength: LIMIT } };
      const { ws, peer } = await open(ingress, protocol, options);
      send(ws, [{ payload: payload(LIMIT) }]);
      await peer.until('data');
      send(ws, [{ payload: payload(LIMIT + 1) }]);
      expect(await ws.closeFrame()).toEqual(TOO_LARGE);
      await peer.until('close');
    });
  });

  describe.each(Object.entries(senders))('%s', (path, { headers, body, answer }) => {
    const text = (length) => {
      const around = body('[""]').length;
      return body(`["${'x'.repeat(length - around)}"]`);
    };

    /** @returns {string} the request, as sent */
    function request(session, [framing, bytes]) {
      const type = headers['Content-Type'] ? `Content-Type: ${headers['Content-Type']}\r\n` : '';
      return `POST ${session}/${path} HTTP/1.1\r\nHost: localhost\r\n${type}${framing}\r\n${bytes}`;
    }

    describe.each(Object.entries(codings))('%s', (_, coding) => {
      addition('a body at the limit is delivered, one above it gets 413', async () => {
        const log = new Log();
        const server = await startService(ingress, { max_message_size: LIMIT, log: log.log });
        const session = server.session('/s');
        await server.post(`${session}/xhr`);
        const peer = await server.accept();
        const lengths = [LIMIT - 1, LIMIT];
        for (const length of [...lengths, LIMIT + 1, 5 * LIMIT, LIMIT]) {
          const connection = server.connect();
          connection.wire.write(request(session, coding(text(length))));
          const response = await connection.response();
          const seen = [response.status, await response.rest()];
          if (length <= LIMIT) {
            expect(seen).toEqual(answer);
          } else {
            expect(seen).toEqual([413, 'Payload too large.\n']);
            expect(response.headers.connection).toBe('close');
            await connection.end();
            await log.line('info', new RegExp(`^POST ${session}/${path} \\d+ms 413$`));
          }
        }
        await peer.until('data', 3);
        const around = body('[""]').length;
        expect(peer.messages.map(({ length }) => length + around)).toEqual([...lengths, LIMIT]);
        expect(peer.conn.readyState).toBe(1);
      });
    });

    addition('a body above the limit gets 413 even without a session', async () => {
      const server = await startService(ingress, { max_message_size: LIMIT });
      const response = await server.post('/s/0/unknown/' + path, text(LIMIT + 1), headers);
      expect(response.status).toBe(413);
    });
  });
});
