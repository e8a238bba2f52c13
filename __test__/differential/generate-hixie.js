'use strict';

/**
 * @file Random websockets of Hixie-76.
 */

const { KEYS, KEY_3, CLOSING, sizedFrame, textFrame } = require('../support/hixie-client');
const { ODD_HEADERS, someHeaders } = require('./generate-http');
const { command } = require('./generate-session');
const { encodeRequest, summary } = require('./script');
const values = require('./values');

const SERVICES = [
  [6, '/echo'],
  [1, '/greet'],
  [1, '/shut'],
  [1, '/bye'],
  [3, '/faye'],
  [0.5, '/x/group'],
];

/** @returns {Record<string, string | undefined>} headers that make a handshake unusual or invalid */
function oddHandshake(random) {
  return random.pick([
    { 'Sec-WebSocket-Key1': undefined },
    { 'Sec-WebSocket-Key2': undefined },
    { 'Sec-WebSocket-Key2': '' },
    { 'Sec-WebSocket-Key1': '12' },
    { 'Sec-WebSocket-Key1': '1 2 3' },
    { 'Sec-WebSocket-Key1': 'a b' },
    { 'Sec-WebSocket-Key1': '0 x' },
    { 'Sec-WebSocket-Key2': '4294967295 x' },
    { 'Sec-WebSocket-Key2': '4294967295x9   ' },
    { 'Sec-WebSocket-Version': '13' },
    { 'Sec-WebSocket-Version': '' },
    { 'Sec-WebSocket-Key': 'x' },
    { Upgrade: 'websocket' },
    { Connection: 'close' },
    { Origin: undefined },
    { Origin: '\xe9' },
    { Host: 'example.com:80' },
    { Https: 'on' },
    { 'X-Forwarded-Proto': 'https' },
    { 'X-Forwarded-Ssl': 'off' },
  ]);
}

/** @returns {Buffer} a frame that is skipped, without 0xff in its payload. 0.3.24: 0xff ends the skipping. */
function skipped(random) {
  const payload = values.text(random, 3).replace(/[^]/g, 'x');
  const zeros = Array(random.int(0, 2)).fill(0x80);
  return sizedFrame([...zeros, payload.length], payload, random.int(0x80, 0xfe));
}

/** @returns {Buffer} a frame that leaves the connection open, most of the time */
function frame(random) {
  return random.weighted([
    [6, () => textFrame(values.body(random).filter((byte) => byte !== 0xff))],
    [2, () => textFrame(JSON.stringify([command(random)]))],
    [1, () => textFrame(JSON.stringify(['y'.repeat(random.pick([120, 130, 990, 70_000]))]))],
    [1, () => textFrame('')],
    [2, () => skipped(random)],
  ])();
}

/**
 * @param {import('../support/random').Random} random
 * @param {import('./script').Script} script
 */
function hixie(random, script) {
  const target = `${random.weighted(SERVICES)}/000/${script.id}/websocket`;
  const headers = random.chance(0.15) ? someHeaders(random) : {};
  for (const odd of [...ODD_HEADERS, 'Connection', 'TE']) delete headers[odd];
  const all = {
    Connection: 'Upgrade',
    Upgrade: 'WebSocket',
    Origin: 'http://localhost',
    ...KEYS,
    ...headers,
    ...(random.chance(0.3) && oddHandshake(random)),
  };
  const head = encodeRequest(script.id, 'GET', target, { headers: all });
  const requests = [summary('GET', target, all)];
  // The probe at the end of a case is a ping of RFC 6455: here it would be a frame that is skipped.
  script.breaks('w');
  if (random.chance(0.5)) {
    script.send('w', Buffer.concat([head, KEY_3]), { requests }).until('w', 'head');
  } else {
    const cuts = random.chance(0.5) ? random.cuts(KEY_3.length, 3) : [];
    script.send('w', head, { requests }).until('w', 'head');
    script.send('w', KEY_3, { framed: true, cuts });
  }
  // The answer to the third key counts as the first frame. The second one is the open frame.
  script.until('w', 'frames', 2).settle();
  for (let turn = random.int(0, 4); turn > 0; turn--) {
    const bytes = Buffer.concat(Array.from({ length: random.int(1, 3) }, () => frame(random)));
    if (bytes.includes('!later')) continue;
    const cuts = random.chance(0.5) ? random.cuts(bytes.length, 5) : [];
    const mark = `mark${script.steps.length}`;
    script.send('w', bytes, { cuts, framed: true });
    // Closing a socket with unread data resets the connection: the client may lose the end of the answer.
    if (bytes.length > 900) script.settle();
    script.send('w', textFrame(JSON.stringify([mark])), { framed: true });
    script.until('w', 'text', mark);
  }
  random.weighted([
    [3, () => script.send('w', CLOSING, { framed: true }).until('w', 'closed')],
    [1, () => script.send('w', sizedFrame([2], 'ab', 0xff), { framed: true }).settle()],
    [1, () => script.send('w', Buffer.from([0xff, 0x80]), { framed: true }).until('w', 'closed')],
    [1, () => script.send('w', textFrame('[x'), { framed: true }).until('w', 'closed')],
    [1, () => script.finish('w').until('w', 'closed')],
    [1, () => script.settle().abort('w')],
  ])();
}

module.exports = { hixie };
