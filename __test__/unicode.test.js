'use strict';

const { ingresses } = require('./support/library');
const { startServer, startService } = require('./support/server');
const { encodeFrame, OPCODE } = require('./support/websocket-client');

/** What servers have to escape: see "JSON Unicode Encoding" of the protocol, and surrogates. */
const ESCAPABLE =
  // eslint-disable-next-line no-control-regex -- control characters are what it is about
  /[\x00-\x1f\ud800-\udfff\u200c-\u200f\u2028-\u202f\u2060-\u206f\ufff0-\uffff]/;

const ALL_UNITS = Array.from({ length: 65536 }, (_, unit) => String.fromCharCode(unit));

const escape = (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;

const JSON_ESCAPES = {
  '"': '\\"',
  '\\': '\\\\',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
};

/** How 0.3.24 writes each UTF-16 unit alone. */
const quoteUnit = (unit) => JSON_ESCAPES[unit] ?? (ESCAPABLE.test(unit) ? escape(unit) : unit);

const isSurrogate = (unit) => unit >= '\ud800' && unit <= '\udfff';

/** Every unit that is valid alone, and every one, escaped by the client. */
const VALID = ALL_UNITS.filter((unit) => !isSurrogate(unit)).join('');
const ALL_ESCAPED = ALL_UNITS.map(escape).join('');
// Every surrogate is lone where high ones come after low ones.
const ALL = ALL_UNITS.join('');

describe.each(ingresses)('unicode, by the %s ingress', (ingress) => {
  test('the server escapes what browsers would mangle, and nothing else', async () => {
    const server = await startServer(ingress);
    const session = server.session('/echo');
    await server.post(`${session}/xhr`);
    const sent = await server.post(`${session}/xhr_send`, JSON.stringify([VALID]));
    expect(sent.status).toBe(204);
    const { body } = await server.post(`${session}/xhr`);
    expect(body === `a["${[...VALID].map(quoteUnit).join('')}"]\n`).toBe(true);
  });

  test('the client can escape every character', async () => {
    const server = await startService(ingress);
    const session = server.session('/s');
    await server.post(`${session}/xhr`);
    expect((await server.post(`${session}/xhr_send`, `["${ALL_ESCAPED}"]`)).status).toBe(204);
    const peer = await server.accept();
    await peer.until('data');
    expect(peer.messages[0] === ALL).toBe(true);
  });

  test('websockets carry every UTF-16 unit both ways', async () => {
    const server = await startServer(ingress);
    const ws = await server.websocket(`${server.session('/echo')}/websocket`);
    expect(await ws.message()).toBe('o');
    ws.send(`["${ALL_ESCAPED}"]`);
    const message = await ws.message();
    expect(JSON.parse(message.slice(1))[0] === ALL).toBe(true);
    expect(message === `a["${ALL_UNITS.map(quoteUnit).join('')}"]`).toBe(true);
  });

  test('lone surrogates are kept both ways, and pairs are escaped too', async () => {
    const server = await startServer(ingress);
    const session = server.session('/echo');
    await server.post(`${session}/xhr`);
    await server.post(`${session}/xhr_send`, '["\\ud800","\\udc00x","a\\udfff\\ud800","😀"]');
    const { body } = await server.post(`${session}/xhr`);
    expect(body).toBe('a["\\ud800","\\udc00x","a\\udfff\\ud800","\\ud83d\\ude00"]\n');
  });

  test('what the application writes is escaped alike on every transport', async () => {
    const message = '\0\x1f"\\/\x7f\u200c\u2028\u2060\ufff0\ufeff\ud83d\ude00\udead é';
    const quoted =
      '"\\u0000\\u001f\\"\\\\/\x7f\\u200c\\u2028\\u2060\\ufff0\ufeff\\ud83d\\ude00\\udead é"';
    const server = await startService(ingress, {}, (conn) => {
      conn.write(message);
      conn.close();
    });
    const open = (method, transport) => server.open(method, `${server.session('/s')}/${transport}`);
    expect(await (await open('POST', 'xhr_streaming')).rest()).toContain(`\na[${quoted}]\n`);
    expect(await (await open('GET', 'eventsource')).rest()).toContain(`data: a[${quoted}]\r\n`);
    expect(await (await open('GET', 'htmlfile?c=x')).rest()).toContain(
      `p(${JSON.stringify(`a[${quoted}]`)});`,
    );
    const ws = await server.websocket(`${server.session('/s')}/websocket`);
    expect(await ws.message()).toBe('o');
    expect(await ws.message()).toBe(`a[${quoted}]`);
  });

  test('close reasons are plain JSON, without the extra escapes', async () => {
    const server = await startService(ingress, {}, (conn) =>
      conn.close(3000, '"\0\u200cé\ud83d\ude00'),
    );
    const stream = await server.open('POST', `${server.session('/s')}/xhr_streaming`);
    expect(await stream.rest()).toContain('c[3000,"\\"\\u0000\u200cé\ud83d\ude00"]\n');
  });

  test('invalid UTF-8 in a body becomes U+FFFD', async () => {
    const server = await startService(ingress);
    const session = server.session('/s');
    await server.post(`${session}/xhr`);
    const body = Buffer.from([0x5b, 0x22, 0x61, 0xff, 0xc3, 0x22, 0x5d]);
    expect((await server.post(`${session}/xhr_send`, body)).status).toBe(204);
    const peer = await server.accept();
    await peer.until('data');
    expect(peer.messages).toEqual(['a\ufffd\ufffd']);
  });

  test('a character can be split between fragments and between segments', async () => {
    const server = await startServer(ingress);
    const ws = await server.websocket(`${server.session('/echo')}/websocket`);
    await ws.message();
    const bytes = Buffer.from('["é€"]');
    const first = encodeFrame({ payload: bytes.subarray(0, 3), fin: false });
    const second = encodeFrame({ opcode: OPCODE.continuation, payload: bytes.subarray(3) });
    ws.wire.write(first);
    ws.wire.write(second.subarray(0, 8));
    ws.wire.write(second.subarray(8));
    expect(await ws.message()).toBe('a["é€"]');
  });
});
