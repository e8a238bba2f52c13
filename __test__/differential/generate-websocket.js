'use strict';

/**
 * @file Random raw and SockJS websockets: handshakes and frames, valid and invalid.
 */

const { encodeClose, encodeFrame } = require('../support/websocket-client');
const { ODD_HEADERS, someHeaders } = require('./generate-http');
const { command } = require('./generate-session');
const { describeFrames } = require('./script');
const values = require('./values');

const SERVICES = [
  [8, '/echo'],
  [1, '/greet'],
  [1, '/shut'],
  [1, '/bye'],
  [3, '/faye'],
  [1, '/cookie'],
  [1, '/fcookie'],
  [1, '/nocors'],
  [0.5, '/x/group'],
  [0.5, '/y/free/no=1'],
];

const CLOSE_CODES = [
  ...[
    0, 1, 999, 1000, 1001, 1002, 1003, 1004, 1005, 1006, 1007, 1008, 1009, 1010, 1011, 1012, 1013,
  ],
  ...[1014, 1015, 1016, 1100, 2000, 2999, 3000, 3999, 4000, 4999, 5000, 65535],
];

/** @returns {Record<string, string | undefined>} headers that make a handshake unusual or invalid */
function oddHandshake(random) {
  return random.pick([
    { 'Sec-WebSocket-Version': undefined },
    { 'Sec-WebSocket-Version': '8' },
    { 'Sec-WebSocket-Version': '14' },
    { 'Sec-WebSocket-Version': '13, 8' },
    { 'Sec-WebSocket-Version': '' },
    { 'Sec-WebSocket-Key': undefined },
    { 'Sec-WebSocket-Key': 'short' },
    { 'Sec-WebSocket-Key': '' },
    { Upgrade: 'WebSocket' },
    { Upgrade: 'websocket, foo' },
    { Upgrade: 'other' },
    { Connection: 'keep-alive, Upgrade' },
    { Connection: 'upgrade' },
    { Connection: 'Upgrade,close' },
    { Connection: 'foo ,Upgrade' },
    { Upgrade: undefined },
    { Connection: undefined },
    { Connection: 'close' },
    { 'Sec-WebSocket-Protocol': 'a, b' },
    { 'Sec-WebSocket-Extensions': 'permessage-deflate; client_max_window_bits' },
    { 'Sec-WebSocket-Extensions': '???' },
    { Host: undefined },
    { 'Content-Length': '0' },
  ]);
}

/** Frames after which the connection stays open, most of the time. */
function goodFrames(random, isRaw) {
  const payload = isRaw
    ? Buffer.from(random.chance(0.5) ? values.text(random) : values.body(random))
    : values.body(random);
  return random.weighted([
    [6, () => [{ payload }]],
    [2, () => fragments(random, payload, 1)],
    [1, () => [{ opcode: 2, payload: random.chance(0.5) ? payload : values.invalidUtf8(random) }]],
    [0.5, () => fragments(random, payload, 2)],
    [1, () => [{ opcode: 9, payload: values.text(random, 8) }]],
    [0.5, () => [{ opcode: 10, payload: values.text(random, 8) }]],
    [0.5, () => [{ payload: '' }]],
    [2, () => [{ payload: encodeMessage(command(random), isRaw) }]],
    [
      0.5,
      () => [
        {
          payload: encodeMessage(
            'y'.repeat(random.pick([120, 126, 130, 990, 1000, 65535, 65536])),
            isRaw,
          ),
        },
      ],
    ],
  ])();
}

function encodeMessage(text, isRaw) {
  return isRaw ? text : JSON.stringify([text]);
}

function fragments(random, payload, opcode) {
  const frames = [];
  let from = 0;
  for (const to of [...random.cuts(payload.length, 3), payload.length]) {
    const first = frames.length === 0 || frames.every((frame) => frame.opcode > 2);
    frames.push({ opcode: first ? opcode : 0, payload: payload.subarray(from, to), fin: false });
    if (to === payload.length) frames[frames.length - 1].fin = true;
    else if (random.chance(0.2)) frames.push({ opcode: 9, payload: 'between' });
    from = to;
  }
  return frames;
}

/** @returns {Buffer} a frame after which the server closes, most of the time */
function badFrame(random) {
  return random.weighted([
    [1, () => encodeFrame({ payload: '["a"]', masked: false })],
    [1, () => encodeFrame({ payload: '["a"]', rsv: random.int(1, 7) })],
    [
      1,
      () => encodeFrame({ opcode: random.pick([3, 4, 5, 6, 7, 11, 12, 13, 14, 15]), payload: 'x' }),
    ],
    [1, () => encodeFrame({ opcode: random.pick([8, 9, 10]), payload: 'x', fin: false })],
    [1, () => encodeFrame({ opcode: random.pick([8, 9, 10]), payload: 'x'.repeat(126) })],
    [1, () => encodeFrame({ opcode: 0, payload: 'x' })],
    [
      1,
      () =>
        Buffer.concat([
          encodeFrame({ payload: '["a', fin: false }),
          encodeFrame({ payload: '["b"]' }),
        ]),
    ],
    [2, () => encodeFrame({ payload: values.invalidUtf8(random) })],
    [1, () => Buffer.from('81ff000000000400000000000000', 'hex')],
    [1, () => Buffer.from('81ffffffffffffffffff00000000', 'hex')],
    [1, () => Buffer.from('81fe0005000000005b2261225d', 'hex')],
    [1, () => Buffer.from('81ff0000000000000005000000005b2261225d', 'hex')],
    [1, () => encodeFrame({ opcode: 8, payload: 'x' })],
    [1, () => encodeClose(1000, values.invalidUtf8(random))],
    [
      4,
      () => encodeClose(random.pick(CLOSE_CODES), random.chance(0.5) ? values.text(random, 5) : ''),
    ],
    [2, () => encodeClose()],
  ])();
}

/**
 * @param {import('../support/random').Random} random
 * @param {import('./script').Script} script
 */
function websocket(random, script) {
  const isRaw = random.chance(0.4);
  const service = random.weighted(SERVICES);
  const target = isRaw ? `${service}/websocket` : `${service}/000/${script.id}/websocket`;
  const headers = random.chance(0.15) ? someHeaders(random) : {};
  for (const odd of [...ODD_HEADERS, 'Connection', 'TE']) delete headers[odd];
  if (random.chance(0.2)) Object.assign(headers, oddHandshake(random));
  if (random.chance(0.1)) script.get('w', random.pick(['/other', '/echo/info']));
  // 0.3.24 loses messages in the segment of a SockJS handshake. A named scenario tests them.
  const ping = { opcode: 9, payload: 'early' };
  const first = random.chance(0.1) ? (isRaw ? goodFrames(random, true) : [ping]) : [];
  const early = Buffer.concat(first.map(encodeFrame));
  const label = first.length > 0 ? `early ${describeFrames(first)}` : undefined;
  const method = random.chance(0.02) ? random.pick(['POST', 'HEAD', 'OPTIONS']) : 'GET';
  const suffix = random.chance(0.1) ? random.pick(['/', '?a=b', '/?x']) : '';
  const cuts = random.chance(0.1) ? random.cuts(150, 3) : [];
  script.handshake('w', target + suffix, { headers, early, method, cuts, label });
  for (let turn = random.int(0, 4); turn > 0; turn--) exchange(random, script, isRaw);
  random.weighted([
    [3, () => {}],
    [
      2,
      () =>
        script
          .send('w', badFrame(random), { framed: true })
          .breaks('w')
          .until('w', 'closed')
          .settle(),
    ],
    [
      1,
      () => {
        const last = { opcode: 9, payload: 'before the end' };
        // The server sends a pong without waiting for the application, so `settle` is needed too.
        script.frames('w', last).until('w', 'pong', last.payload).settle().abort('w');
      },
    ],
    [1, () => script.finish('w').until('w', 'closed')],
    [
      1,
      () => {
        const bytes = encodeFrame({ payload: encodeMessage('cut', isRaw) });
        script
          .send('w', bytes.subarray(0, random.int(1, bytes.length - 1)), { framed: true })
          .breaks('w')
          .settle();
        if (random.chance(0.5)) script.abort('w');
      },
    ],
  ])();
}

/** Sends some frames, and a message whose echo shows that they have been handled. */
function exchange(random, script, isRaw) {
  const frames = Array.from({ length: random.int(1, 3) }, () => goodFrames(random, isRaw)).flat();
  const bytes = Buffer.concat(frames.map(encodeFrame));
  const cuts = random.chance(0.5) ? random.cuts(bytes.length, 5) : [];
  const label = describeFrames(frames);
  if (label.includes('!later')) {
    // Which messages arrive before the application closes must not depend on when segments arrive.
    for (const frame of frames) script.frames('w', frame).settle();
  } else script.send('w', bytes, { cuts, framed: true, label });
  // Closing a socket with unread data resets the connection: the client may lose the end of the answer.
  if (bytes.length > 10000) script.settle();
  const mark = `mark${script.steps.length}`;
  script.frames('w', encodeMessage(mark, isRaw)).until('w', 'text', mark);
}

module.exports = { websocket };
