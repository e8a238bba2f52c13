'use strict';

/** Payloads: JSON that is deep, huge, repetitive or invalid, or has keys such as `__proto__`. */

const assert = require('node:assert/strict');

const { every, open } = require('../support/transports');
const { OPCODE, encodeFrame } = require('../support/websocket-client');
const { attack } = require('./attack');

const DEPTH = 100_000;
const FORM = { 'Content-Type': 'application/x-www-form-urlencoded' };

const deep = (before, after, middle = '') => before.repeat(DEPTH) + middle + after.repeat(DEPTH);
const NAMES = ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', 'length', ''];

/** Valid and invalid payloads. */
const PAYLOADS = {
  'arrays in arrays': deep('[', ']'),
  'objects in objects': `[${deep('{"a":', '}', '1')}]`,
  'arrays in objects in arrays': deep('[{"":', '}]', '[]'),
  'unclosed arrays': '['.repeat(DEPTH),
  'unclosed objects': '[{"a":'.repeat(DEPTH),
  'unopened arrays': `[${']'.repeat(DEPTH)}`,
  'a deep element after a shallow one': `["a",${deep('[', ']')}]`,
  'deep text': JSON.stringify([deep('[', ']')]),
  'many deep elements': `[${Array(20)
    .fill('['.repeat(5000) + ']'.repeat(5000))
    .join()}]`,
  'a number of many digits': `[${'9'.repeat(DEPTH)}]`,
  'a fraction of many digits': `[0.${'9'.repeat(DEPTH)}]`,
  'an exponent of many digits': `[1e${'9'.repeat(DEPTH)}]`,
  'a small exponent of many digits': `[1e-${'9'.repeat(DEPTH)}]`,
  'extreme numbers': '[1e308,1e309,-1e400,5e-324,9007199254740993,-0,1E+2]',
  'a number with a leading zero': '[01]',
  'a number without digits': '[-]',
  'NaN and others': '[NaN,Infinity,undefined]',
  'many elements': `[${'0,'.repeat(DEPTH)}0]`,
  'many strings': `[${'"",'.repeat(DEPTH)}""]`,
  'one key many times': `[{${'"a":1,'.repeat(DEPTH)}"a":2}]`,
  'many keys': `[{${Array.from({ length: 50_000 }, (_, i) => `"k${i}":0`).join()}}]`,
  'keys of prototypes': `[{${NAMES.map((name) => `"${name}":{"polluted":true}`).join()}}]`,
  'an object instead of an array': `{"__proto__":["a"],"length":1,"0":"a"}`,
  'an object with a toString that is no function': '[{"toString":1,"valueOf":2}]',
  'an object without a prototype': '[{"__proto__":null}]',
  'arrays of keys of prototypes': `[["__proto__"],["constructor"],[["toString"]]]`,
  'lone surrogates': String.raw`["\ud800","\udc00\ud800","\uDFFF"]`,
  'every escape': String.raw`["\"\\\/\b\f\n\r\t\u0000\u2028\uffff"]`,
  'invalid escapes': String.raw`["\x41","\u12","\u"]`,
  'half an escape': String.raw`["\ `.trimEnd(),
  'control characters': '["\u0000\u001f\n"]',
  'line separators': '["\u2028\u2029\u200c\ufff0"]',
  'a byte order mark': '\ufeff["a"]',
  'all kinds of JSON whitespace': ' \t\r\n[ \t\r\n"a" \t\r\n] \t\r\n',
  'whitespace that JSON does not allow': '[\u00a0"a"]',
  'an extra comma': '["a",]',
  'a missing comma': '["a""b"]',
  'two arrays': '["a"]["b"]',
  comments: '["a"/**/]',
  'single quotes': "['a']",
  'an empty array': '[]',
  'an empty text': '',
  null: 'null',
  nulls: '[null,true,false]',
  'invalid UTF-8': Buffer.from([0x5b, 0x22, 0xff, 0xc0, 0x80, 0xed, 0xa0, 0x80, 0x22, 0x5d]),
  'half a character': Buffer.from([0x5b, 0x22, 0xf0, 0x9f, 0x98]),
  'a million bytes': JSON.stringify(['x'.repeat(1_000_000)]),
  'a million escapes': `["${'\\u0000'.repeat(150_000)}"]`,
  'the end of a script': '["</script><!--"]',
  'frames of the SockJS protocol': '["o","h","c[3000,\\"x\\"]","a[\\"x\\"]"]',
};

/** Send a payload. The server must accept or refuse it; which of both is not checked here. */
const ways = [
  async ({ client }, payload) => {
    const ping = encodeFrame({ opcode: OPCODE.ping, payload: 'done' });
    for (const target of ['/s/0/0/websocket', '/s/websocket']) {
      for (const opcode of [OPCODE.text, OPCODE.binary]) {
        const { wire } = await client.websocket(target);
        wire.write(Buffer.concat([encodeFrame({ opcode, payload }), ping]));
        await wire.waitUntil(
          () => wire.ended || wire.buffer.includes('done') || undefined,
          () => 'an answer',
        );
        wire.socket.destroy();
      }
    }
  },
  ({ client }, payload) => sendByHttp(client, 'xhr_send', payload, {}, [204, 500, 404]),
  ({ client }, payload) =>
    sendByHttp(client, 'jsonp_send', Buffer.from(`d=${escape(payload)}`), FORM, [200, 500, 413]),
  ({ client }, payload) =>
    sendByHttp(client, 'jsonp_send', payload, { 'Content-Type': 'text/plain' }, [200, 500]),
  ({ client }, payload) =>
    sendByHttp(client, 'jsonp_send', JSON.stringify(String(payload)), {}, [200, 500, 413]),
];

/** Percent-encodes the bytes that need it in a form. */
const escape = (payload) =>
  Buffer.from(payload)
    .toString('latin1')
    .replace(/[^\w[\]{}:",.*-]/g, (char) => `%${char.charCodeAt(0).toString(16).padStart(2, '0')}`);

async function sendByHttp(client, name, body, headers, statuses) {
  const opened = await open(client, STREAM);
  for (const session of [opened.session, client.session('/s')]) {
    const { status } = await client.request('POST', `${session}/${name}`, { body, headers });
    assert.ok([...statuses, 404].includes(status), `answered with ${status}`);
  }
  // The session is still open.
  await client.post(`${opened.session}/xhr_send`, '["and on"]');
  await opened.wire.read(() => opened.wire.buffer.includes('and on') || undefined, 'an echo');
}

const STREAM = every.find(([protocol]) => protocol === 'xhr-streaming')[1];

attack(
  'payloads over each transport',
  Object.entries(PAYLOADS).map(([title, payload]) => [
    title,
    async (scene) => {
      for (const send of ways) await send(scene, payload);
    },
  ]),
  // One response carries all echoes.
  { service: { response_limit: 0 } },
);
