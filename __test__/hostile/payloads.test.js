'use strict';

/** Payloads: JSON that is deep, huge, repeated, broken or named like what every object has. */

const assert = require('node:assert/strict');

const { every, open } = require('../support/transports');
const { OPCODE, encodeFrame } = require('../support/websocket-client');
const { attack } = require('./attack');

const DEPTH = 100_000;
const FORM = { 'Content-Type': 'application/x-www-form-urlencoded' };

const deep = (before, after, middle = '') => before.repeat(DEPTH) + middle + after.repeat(DEPTH);
const NAMES = ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', 'length', ''];

/** JSON texts that are an array, and some that are not. */
const PAYLOADS = {
  'arrays in arrays': deep('[', ']'),
  'objects in objects': `[${deep('{"a":', '}', '1')}]`,
  'arrays in objects in arrays': deep('[{"":', '}]', '[]'),
  'arrays without end': '['.repeat(DEPTH),
  'objects without end': '[{"a":'.repeat(DEPTH),
  'ends without beginning': `[${']'.repeat(DEPTH)}`,
  'a deep element behind a shallow one': `["a",${deep('[', ']')}]`,
  'deep text': JSON.stringify([deep('[', ']')]),
  'deep elements, many of them': `[${Array(20)
    .fill('['.repeat(5000) + ']'.repeat(5000))
    .join()}]`,
  'a number of many digits': `[${'9'.repeat(DEPTH)}]`,
  'a fraction of many digits': `[0.${'9'.repeat(DEPTH)}]`,
  'an exponent of many digits': `[1e${'9'.repeat(DEPTH)}]`,
  'a small exponent of many digits': `[1e-${'9'.repeat(DEPTH)}]`,
  'numbers at the edge': '[1e308,1e309,-1e400,5e-324,9007199254740993,-0,1E+2]',
  'broken numbers': '[01]',
  'a number without digits': '[-]',
  'NaN and others': '[NaN,Infinity,undefined]',
  'many elements': `[${'0,'.repeat(DEPTH)}0]`,
  'many strings': `[${'"",'.repeat(DEPTH)}""]`,
  'one key many times': `[{${'"a":1,'.repeat(DEPTH)}"a":2}]`,
  'many keys': `[{${Array.from({ length: 50_000 }, (_, i) => `"k${i}":0`).join()}}]`,
  'names of prototypes': `[{${NAMES.map((name) => `"${name}":{"polluted":true}`).join()}}]`,
  'an object instead of an array': `{"__proto__":["a"],"length":1,"0":"a"}`,
  'an object that has a toString': '[{"toString":1,"valueOf":2}]',
  'an object without a prototype': '[{"__proto__":null}]',
  'an array of arrays that are names': `[["__proto__"],["constructor"],[["toString"]]]`,
  'lone surrogates': String.raw`["\ud800","\udc00\ud800","\uDFFF"]`,
  'every escape': String.raw`["\"\\\/\b\f\n\r\t\u0000\u2028\uffff"]`,
  'broken escapes': String.raw`["\x41","\u12","\u"]`,
  'half an escape': String.raw`["\ `.trimEnd(),
  'control characters': '["\u0000\u001f\n"]',
  'line separators': '["\u2028\u2029\u200c\ufff0"]',
  'a byte order mark': '\ufeff["a"]',
  'space of every kind': ' \t\r\n[ \t\r\n"a" \t\r\n] \t\r\n',
  'space that is none': '[\u00a0"a"]',
  'a comma too many': '["a",]',
  'a comma too few': '["a""b"]',
  'two arrays': '["a"]["b"]',
  comments: '["a"/**/]',
  'single quotes': "['a']",
  'nothing in brackets': '[]',
  nothing: '',
  null: 'null',
  nulls: '[null,true,false]',
  'bytes that are no UTF-8': Buffer.from([
    0x5b, 0x22, 0xff, 0xc0, 0x80, 0xed, 0xa0, 0x80, 0x22, 0x5d,
  ]),
  'half a character': Buffer.from([0x5b, 0x22, 0xf0, 0x9f, 0x98]),
  'a million bytes': JSON.stringify(['x'.repeat(1_000_000)]),
  'a million escapes': `["${'\\u0000'.repeat(150_000)}"]`,
  'what a script ends with': '["</script><!--"]',
  'what sockjs says itself': '["o","h","c[3000,\\"x\\"]","a[\\"x\\"]"]',
};

/** Whether a payload is taken or refused is not judged here, only that it is one or the other. */
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

/** Percent encoding of those bytes that need it in a form. */
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
  // The session has lived through it.
  await client.post(`${opened.session}/xhr_send`, '["and on"]');
  await opened.wire.read(() => opened.wire.buffer.includes('and on') || undefined, 'an echo');
}

const STREAM = every.find(([protocol]) => protocol === 'xhr-streaming')[1];

attack(
  'payloads by every transport',
  Object.entries(PAYLOADS).map(([title, payload]) => [
    title,
    async (scene) => {
      for (const send of ways) await send(scene, payload);
    },
  ]),
  // One stream is to carry all echoes.
  { service: { response_limit: 0 } },
);
