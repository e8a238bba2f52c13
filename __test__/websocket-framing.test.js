'use strict';

const { ingresses } = require('./support/library');
const { startService } = require('./support/server');
const { OPCODE, encodeClose, encodeFrame } = require('./support/websocket-client');

const TARGETS = { websocket: '/s/0/0/websocket', 'websocket-raw': '/s/websocket' };

/** What a client may do wrong, and the close frame that answers it. */
const ERRORS = [
  [
    'an unmasked frame',
    { payload: '["a"]', masked: false },
    [1003, 'Received unmasked frame but masking is required'],
  ],
  [
    'the first reserved bit',
    { rsv: 4 },
    [1002, 'One or more reserved bits are on: reserved1 = 1, reserved2 = 0, reserved3 = 0'],
  ],
  [
    'the other reserved bits',
    { rsv: 3 },
    [1002, 'One or more reserved bits are on: reserved1 = 0, reserved2 = 1, reserved3 = 1'],
  ],
  ['an unknown data opcode', { opcode: 3 }, [1002, 'Unrecognized frame opcode: 3']],
  ['an unknown control opcode', { opcode: 11 }, [1002, 'Unrecognized frame opcode: 11']],
  [
    'a fragmented control frame',
    { opcode: OPCODE.ping, fin: false },
    [1002, 'Received fragmented control frame: opcode = 9'],
  ],
  [
    'a control frame of 126 bytes',
    { opcode: OPCODE.ping, payload: 'x'.repeat(126) },
    [1002, 'Received control frame having too long payload: 126'],
  ],
  [
    'a continuation of nothing',
    { opcode: OPCODE.continuation, payload: 'x' },
    [1002, 'Received unexpected continuation frame'],
  ],
  [
    'text that is not UTF-8',
    { payload: Buffer.from([0x22, 0xff, 0x22]) },
    [1007, 'Could not decode a text frame as UTF-8'],
  ],
  [
    'a surrogate in UTF-8',
    { payload: Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22]) },
    [1007, 'Could not decode a text frame as UTF-8'],
  ],
];

/** Close frames of a client, and what answers them. */
const CLOSES = [
  ...[1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4999].map((code) => [
    `${code}`,
    encodeClose(code, 'why'),
    [code, 'why'],
  ]),
  ...[0, 999, 1004, 1005, 1006, 1012, 1015, 2999, 5000, 65535].map((code) => [
    `${code}`,
    encodeClose(code, 'why'),
    [1002, 'why'],
  ]),
  ['no code', encodeClose(), [1000, '']],
  ['a code without a reason', encodeClose(1000), [1000, '']],
  ['one byte', encodeFrame({ opcode: OPCODE.close, payload: 'x' }), [1002, '']],
  ['a reason that is not UTF-8', encodeClose(1000, Buffer.from([0xff])), [1002, '']],
  ['the longest reason', encodeClose(1000, 'r'.repeat(123)), [1000, 'r'.repeat(123)]],
];

describe.each(ingresses)('websocket framing, by the %s ingress', (ingress) => {
  describe.each(Object.entries(TARGETS))('%s', (protocol, target) => {
    /** Opens a connection and reads its o frame where there is one. */
    async function open(server) {
      const ws = await server.websocket(target);
      if (protocol === 'websocket') expect(await ws.message()).toBe('o');
      return ws;
    }

    test.each(ERRORS)('%s is a protocol error', async (title, frame, close) => {
      const server = await startService(ingress);
      const ws = await open(server);
      ws.sendFrame(frame);
      expect(await ws.closeFrame()).toEqual(close);
      expect(await ws.end()).toBe('');
      const peer = await server.accept();
      await peer.until('close');
      expect(peer.events).toEqual([['end'], ['close']]);
    });

    test.each(CLOSES)('a close with %s is answered', async (title, frame, close) => {
      const server = await startService(ingress);
      const ws = await open(server);
      ws.wire.write(frame);
      expect(await ws.closeFrame()).toEqual(close);
      expect(await ws.end()).toBe('');
      const peer = await server.accept();
      await peer.until('close');
      expect(peer.events).toEqual([['end'], ['close']]);
    });

    test('a new message inside a fragmented one is a protocol error', async () => {
      const server = await startService(ingress);
      const ws = await open(server);
      ws.sendFrame({ payload: '["a', fin: false });
      ws.sendFrame({ payload: '["b"]' });
      expect(await ws.closeFrame()).toEqual([
        1002,
        'Received new data frame but previous continuous frame is unfinished',
      ]);
    });

    test('UTF-8 is checked when the message is complete', async () => {
      const server = await startService(ingress);
      const ws = await open(server);
      const bytes = Buffer.from('["é"]');
      ws.sendFrame({ payload: bytes.subarray(0, 3), fin: false });
      ws.sendFrame({ opcode: OPCODE.continuation, payload: bytes.subarray(3) });
      const peer = await server.accept();
      await peer.until('data');
      expect(peer.messages).toEqual([protocol === 'websocket' ? 'é' : '["é"]']);

      ws.sendFrame({ payload: Buffer.from([0xff]), fin: false });
      ws.sendFrame({ opcode: OPCODE.ping, payload: 'still there' });
      expect((await ws.frame()).opcode).toBe(OPCODE.pong);
      ws.sendFrame({ opcode: OPCODE.continuation });
      expect(await ws.closeFrame()).toEqual([1007, 'Could not decode a text frame as UTF-8']);
    });

    test('a message longer than faye_server_options.maxLength is too large', async () => {
      const server = await startService(ingress, { faye_server_options: { maxLength: 10 } });
      const close = [1009, 'WebSocket frame length too large'];

      const whole = await open(server);
      whole.send('"12345678"');
      const peer = await server.accept();
      await peer.until('data');
      whole.send('"123456789"');
      expect(await whole.closeFrame()).toEqual(close);

      const fragments = await open(server);
      fragments.sendFrame({ payload: '"12345', fin: false });
      fragments.sendFrame({ opcode: OPCODE.continuation, payload: '6789"' });
      expect(await fragments.closeFrame()).toEqual(close);
    });

    test('nothing that follows a close is delivered', async () => {
      const server = await startService(ingress);
      const ws = await open(server);
      ws.wire.write(Buffer.concat([encodeClose(1000), encodeFrame({ payload: '["late"]' })]));
      expect(await ws.closeFrame()).toEqual([1000, '']);
      const peer = await server.accept();
      await peer.until('close');
      expect(peer.events).toEqual([['end'], ['close']]);
    });
  });
});
