'use strict';

const { HttpConnection } = require('./http-client');

const OPCODE = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 };

/** The handshake of RFC 6455 section 4.1; `undefined` in an override removes a header. */
const HANDSHAKE = {
  Upgrade: 'websocket',
  Connection: 'Upgrade',
  'Sec-WebSocket-Version': '13',
  'Sec-WebSocket-Key': 'x3JJHMbDL1EzLkh9GBhXDw==',
};

/** What the key above has to be answered with. */
const ACCEPT = 'HSmrc0sMlYUkAGmm5OPpG2HaGWk=';

const MASK = Buffer.from([0x12, 0x34, 0x56, 0x78]);

/**
 * @param {object} frame
 * @param {number} [frame.opcode] text where it is left out
 * @param {string | Buffer} [frame.payload]
 * @param {boolean} [frame.fin]
 * @param {number} [frame.rsv] the three reserved bits, 0 … 7
 * @param {boolean} [frame.masked]
 * @returns {Buffer}
 */
function encodeFrame({ opcode = OPCODE.text, payload = '', fin = true, rsv = 0, masked = true }) {
  const bytes = Buffer.from(payload);
  const first = (fin ? 0x80 : 0) | (rsv << 4) | opcode;
  const mask = masked ? 0x80 : 0;
  let head;
  if (bytes.length < 126) {
    head = Buffer.from([first, mask | bytes.length]);
  } else if (bytes.length < 65536) {
    head = Buffer.from([first, mask | 126, bytes.length >> 8, bytes.length & 0xff]);
  } else {
    head = Buffer.alloc(10);
    head[0] = first;
    head[1] = mask | 127;
    head.writeBigUInt64BE(BigInt(bytes.length), 2);
  }
  if (!masked) return Buffer.concat([head, bytes]);
  return Buffer.concat([head, MASK, bytes.map((byte, i) => byte ^ MASK[i % 4])]);
}

/**
 * @param {number} [code]
 * @param {string | Buffer} [reason]
 * @returns {Buffer} a masked close frame
 */
function encodeClose(code, reason = '') {
  const payload =
    code === undefined
      ? ''
      : Buffer.concat([Buffer.from([code >> 8, code & 0xff]), Buffer.from(reason)]);
  return encodeFrame({ opcode: OPCODE.close, payload });
}

/**
 * Decodes the frame at the beginning of some bytes.
 *
 * @param {Buffer} bytes
 * @returns {{first: number, masked: boolean, start: number, payload: Buffer} | undefined} its first byte,
 *   the length of its head, and its payload as it is in the bytes; undefined if the frame is incomplete
 */
function decodeFrame(bytes) {
  if (bytes.length < 2) return undefined;
  let length = bytes[1] & 0x7f;
  let start = 2;
  if (length === 126) {
    if (bytes.length < 4) return undefined;
    length = bytes.readUInt16BE(2);
    start = 4;
  } else if (length === 127) {
    if (bytes.length < 10) return undefined;
    length = Number(bytes.readBigUInt64BE(2));
    start = 10;
  }
  if (bytes.length < start + length) return undefined;
  const payload = bytes.subarray(start, start + length);
  return { first: bytes[0], masked: (bytes[1] & 0x80) !== 0, start, payload };
}

/** A websocket client that sends exactly the bytes a test wants and answers nothing by itself. */
class WebSocketClient {
  /**
   * @param {import('net').Socket} socket
   * @param {string} target
   * @param {object} [options]
   * @param {Record<string, string | undefined>} [options.headers]
   * @param {Buffer} [options.early] bytes to send in the same segment as the handshake
   */
  static async connect(socket, target, { headers = {}, early = Buffer.alloc(0) } = {}) {
    const connection = new HttpConnection(socket);
    sendHandshake(connection, target, { headers, early });
    const response = await connection.response();
    if (response.status !== 101) {
      throw new Error(`websocket refused: ${response.status} ${await response.rest()}`);
    }
    return new WebSocketClient(connection, response);
  }

  constructor(connection, response) {
    this.wire = connection.wire;
    this.response = response;
  }

  /** @param {Parameters<typeof encodeFrame>[0]} frame */
  sendFrame(frame) {
    this.wire.write(encodeFrame(frame));
  }

  /** @param {string} text */
  send(text) {
    this.sendFrame({ payload: text });
  }

  /**
   * @param {number} [code]
   * @param {string | Buffer} [reason]
   */
  sendClose(code, reason) {
    this.wire.write(encodeClose(code, reason));
  }

  /** @returns {Promise<{fin: boolean, opcode: number, payload: Buffer}>} the next frame, of any kind */
  frame() {
    return this.wire.read(() => {
      const frame = decodeFrame(this.wire.buffer);
      if (frame === undefined) return undefined;
      if (frame.masked) throw new Error('a server must not mask its frames');
      const { first, start, payload } = frame;
      this.wire.take(start + payload.length);
      return { fin: (first & 0x80) !== 0, opcode: first & 0x0f, payload };
    }, 'a websocket frame');
  }

  /** @returns {Promise<string>} the next frame, which has to be a whole text message */
  async message() {
    const { fin, opcode, payload } = await this.frame();
    if (!fin || opcode !== OPCODE.text) {
      throw new Error(
        `expected a text message, got opcode ${opcode}: ${payload.toString('latin1')}`,
      );
    }
    return payload.toString();
  }

  /** @returns {Promise<[number | undefined, string]>} code and reason of the close frame that is next */
  async closeFrame() {
    const { opcode, payload } = await this.frame();
    if (opcode !== OPCODE.close) throw new Error(`expected a close frame, got: ${payload}`);
    if (payload.length === 0) return [undefined, ''];
    return [payload.readUInt16BE(0), payload.toString('utf8', 2)];
  }

  /** Waits until the server has ended the connection. */
  end() {
    return this.wire.end();
  }

  /** The client disconnects without a close. */
  abort() {
    this.wire.socket.destroy();
  }
}

/**
 * Sends a handshake without waiting for the answer.
 *
 * @param {HttpConnection} connection
 * @param {string} target
 * @param {object} [options]
 * @param {string} [options.method]
 * @param {Record<string, string | undefined>} [options.headers]
 * @param {Buffer} [options.early]
 */
function sendHandshake(connection, target, { method = 'GET', headers = {}, early = '' } = {}) {
  const all = Object.entries({ Host: 'localhost', ...HANDSHAKE, ...headers })
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}: ${value}\r\n`);
  const head = `${method} ${target} HTTP/1.1\r\n${all.join('')}\r\n`;
  connection.wire.write(Buffer.concat([Buffer.from(head), Buffer.from(early)]));
}

module.exports = {
  ACCEPT,
  HANDSHAKE,
  OPCODE,
  WebSocketClient,
  decodeFrame,
  encodeClose,
  encodeFrame,
  sendHandshake,
};
