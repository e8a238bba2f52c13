'use strict';

/** The keys of the example in the draft; `ANSWER` is the answer to the three. */
const KEYS = {
  'Sec-WebSocket-Key1': '4 @1  46546xW%0l 1 5',
  'Sec-WebSocket-Key2': '12998 5 Y3 1  .P00',
};
const KEY_3 = Buffer.from('^n:ds[4U');
const ANSWER = "8jKS'y:G*Co,Wxa-";

const CLOSING = Buffer.from([0xff, 0x00]);

/**
 * @param {string | Buffer} payload
 * @returns {Buffer} a frame with a text
 */
function textFrame(payload) {
  return Buffer.concat([Buffer.from([0x00]), Buffer.from(payload), Buffer.from([0xff])]);
}

/**
 * @param {number[]} length its bytes
 * @param {string | Buffer} payload
 * @param {number} [first]
 * @returns {Buffer} a frame that states its length
 */
function sizedFrame(length, payload, first = 0x80) {
  return Buffer.concat([Buffer.from([first, ...length]), Buffer.from(payload)]);
}

/** A client of Hixie-76 that sends exactly the bytes a test wants. */
class HixieClient {
  /** @param {import('./http-client').HttpConnection} connection */
  constructor(connection) {
    this.connection = connection;
    this.wire = connection.wire;
  }

  /**
   * Sends the head of a handshake.
   *
   * @param {import('./client').Client} client
   * @param {string} target
   * @param {object} [options]
   * @param {Record<string, string | undefined>} [options.headers] `undefined` removes one
   * @param {string} [options.version] of HTTP
   * @param {Buffer} [options.early] bytes to send in the same segment
   */
  static begin(client, target, { headers = {}, version = '1.1', early = Buffer.alloc(0) } = {}) {
    const hixie = new HixieClient(client.connect());
    const all = {
      Host: 'localhost',
      Connection: 'Upgrade',
      Upgrade: 'WebSocket',
      Origin: 'http://localhost',
      ...KEYS,
      ...headers,
    };
    const lines = Object.entries(all)
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => `${name}: ${value}\r\n`);
    const head = `GET ${target} HTTP/${version}\r\n${lines.join('')}\r\n`;
    hixie.wire.write(Buffer.concat([Buffer.from(head, 'latin1'), early]));
    return hixie;
  }

  /** Opens a websocket, whose third key comes when the head of the answer has been seen. */
  static async open(client, target, options) {
    const hixie = HixieClient.begin(client, target, options);
    hixie.response = await hixie.connection.response();
    hixie.wire.write(KEY_3);
    await hixie.expect(ANSWER);
    return hixie;
  }

  /**
   * Waits for bytes, which have to be exactly these.
   *
   * @param {string | Buffer} bytes
   */
  async expect(bytes) {
    const expected = Buffer.from(bytes);
    const { wire } = this;
    await wire.read(
      () => wire.buffer.length >= expected.length || undefined,
      JSON.stringify(expected.latin1Slice()),
    );
    expect(wire.take(expected.length).latin1Slice()).toBe(expected.latin1Slice());
  }

  /** @param {string | Buffer} payload */
  send(payload) {
    this.wire.write(textFrame(payload));
  }

  /** @returns {Promise<string>} the next frame, which has to be a text */
  async message() {
    const { wire } = this;
    const end = await wire.read(() => {
      const at = wire.buffer.indexOf(0xff, 1);
      return at < 0 ? undefined : at;
    }, 'a frame of Hixie-76');
    const frame = wire.take(end + 1);
    if (frame[0] !== 0) throw new Error(`expected a text, got ${frame.toString('hex')}`);
    return frame.toString('utf8', 1, end);
  }

  /** Waits for the closing frame, after which the connection has to end. */
  async closed() {
    expect(Buffer.from(await this.rest(), 'latin1')).toEqual(CLOSING);
  }

  /** @returns {Promise<string>} what comes until the connection ends, as latin1 */
  async rest() {
    const { wire } = this;
    await wire.waitUntil(
      () => wire.ended || undefined,
      () => 'the end of the connection',
    );
    return wire.take(wire.buffer.length).latin1Slice();
  }

  /** The client disconnects without a close. */
  abort() {
    this.connection.abort();
  }
}

module.exports = { ANSWER, CLOSING, HixieClient, KEYS, KEY_3, sizedFrame, textFrame };
