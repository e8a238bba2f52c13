'use strict';

const { Wire } = require('./wire');

/** Statuses whose answers have no body, whatever their headers say. */
const BODYLESS = [101, 204, 304];

/** One client connection that speaks HTTP exactly as a test wants it to. */
class HttpConnection {
  /** @param {import('net').Socket} socket */
  constructor(socket) {
    this.wire = new Wire(socket);
  }

  /**
   * Sends a request and does not wait for its answer.
   *
   * @param {string} method
   * @param {string} target
   * @param {object} [options]
   * @param {Record<string, string>} [options.headers]
   * @param {string | Buffer} [options.body]
   * @param {string} [options.version] '1.0' or '1.1'
   */
  send(method, target, { headers = {}, body = '', version = '1.1' } = {}) {
    const all = { Host: 'localhost', ...headers };
    if (body.length > 0 || method === 'POST') all['Content-Length'] = Buffer.byteLength(body);
    const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
    const head = `${method} ${target} HTTP/${version}\r\n${lines.join('')}\r\n`;
    this.wire.write(Buffer.concat([Buffer.from(head), Buffer.from(body)]));
  }

  /** @returns {Promise<Response>} the next answer, as soon as its head is there */
  async response() {
    const head = await this.wire.read(() => {
      const end = this.wire.buffer.indexOf('\r\n\r\n');
      return end < 0 ? undefined : this.wire.take(end + 4).toString('latin1');
    }, 'the head of an answer');
    return new Response(this, head);
  }

  /**
   * Sends a request and waits for the whole answer.
   *
   * @param {string} method
   * @param {string} target
   * @param {Parameters<HttpConnection['send']>[2]} [options]
   */
  async request(method, target, options) {
    this.send(method, target, options);
    const response = await this.response();
    response.body = await response.rest();
    return response;
  }

  /** Waits until the server has ended the connection. */
  end() {
    return this.wire.end();
  }

  /** The client disconnects. */
  abort() {
    this.wire.socket.destroy();
  }
}

/** An answer whose body can be read while it is still being sent. */
class Response {
  #connection;
  #wire;
  #decoded = Buffer.alloc(0);
  #complete = false;

  /**
   * @param {HttpConnection} connection
   * @param {string} head
   */
  constructor(connection, head) {
    this.#connection = connection;
    this.#wire = connection.wire;
    const [status, ...lines] = head.trimEnd().split('\r\n');
    this.version = status.slice(5, 8);
    this.status = Number(status.slice(9, 12));
    /** Names are in lower case, repeated headers joined by a comma. */
    this.headers = {};
    /** Names as they came. @type {string[]} */
    this.rawNames = [];
    for (const line of lines) {
      const colon = line.indexOf(':');
      this.rawNames.push(line.slice(0, colon));
      const name = line.slice(0, colon).toLowerCase();
      const value = line.slice(colon + 1).trim();
      this.headers[name] = name in this.headers ? `${this.headers[name]}, ${value}` : value;
    }
    /** @type {string | undefined} the whole body, where the request waited for it */
    this.body = undefined;
    /** Whether the connection ended in the middle of a body whose end would have been marked. */
    this.truncated = false;

    const length = this.headers['content-length'];
    if (BODYLESS.includes(this.status)) this.#left = 0;
    else if (this.headers['transfer-encoding'] === 'chunked') this.#left = 'chunked';
    else this.#left = length === undefined ? 'until end' : Number(length);
  }

  /** @type {number | 'chunked' | 'until end'} */
  #left;

  /** Moves what has arrived of the body from the wire to `#decoded`. */
  #decode() {
    while (!this.#complete) {
      const arrived = this.#wire.buffer.length;
      if (this.#left === 'chunked') {
        if (!this.#decodeChunk()) break;
      } else {
        const length = this.#left === 'until end' ? arrived : Math.min(this.#left, arrived);
        this.#decoded = Buffer.concat([this.#decoded, this.#wire.take(length)]);
        if (this.#left === 'until end') break;
        this.#left -= length;
        this.#complete = this.#left === 0;
        if (!this.#complete) break;
      }
    }
    if (!this.#complete && this.#wire.ended) {
      this.#complete = true;
      this.truncated = this.#left !== 'until end';
    }
  }

  /** @returns {boolean} whether there was a whole chunk */
  #decodeChunk() {
    const chunk = decodeChunk(this.#wire.buffer);
    if (chunk === undefined) return false;
    this.#wire.take(chunk.length);
    this.#decoded = Buffer.concat([this.#decoded, chunk.data]);
    this.#complete = chunk.data.length === 0;
    return true;
  }

  /**
   * @param {string} mark
   * @returns {Promise<string>} the body from here to the end of the next `mark`
   */
  async until(mark) {
    const what = `${JSON.stringify(mark)} in a body`;
    const length = await this.#wire.waitUntil(
      () => {
        this.#decode();
        const at = this.#decoded.indexOf(mark);
        if (at >= 0) return at + Buffer.byteLength(mark);
        if (this.#complete) throw new Error(`the body ended before ${what}: ${this.#decoded}`);
        return undefined;
      },
      () => `${what}: ${this.#decoded}`,
    );
    const text = this.#decoded.toString('utf8', 0, length);
    this.#decoded = this.#decoded.subarray(length);
    return text;
  }

  /** @returns {Promise<string>} the next chunk as the server has made it; '' when there are no more */
  async chunk() {
    if (this.#left !== 'chunked' || this.#decoded.length > 0) throw new Error('not at a chunk');
    await this.#wire.waitUntil(
      () => {
        if (this.#complete || this.#decodeChunk()) return true;
        if (this.#wire.ended) throw new Error('the connection ended before the next chunk');
        return undefined;
      },
      () => 'a chunk',
    );
    const chunk = this.#decoded.toString();
    this.#decoded = Buffer.alloc(0);
    return chunk;
  }

  /** @returns {Promise<string>} one line of the body, with its line feed */
  line() {
    return this.until('\n');
  }

  /** @returns {Promise<string>} the body from here to its end */
  async rest() {
    await this.#wire.waitUntil(
      () => {
        this.#decode();
        return this.#complete || undefined;
      },
      () => `the end of a body: ${this.#decoded}`,
    );
    return this.#decoded.toString();
  }

  /** The client disconnects while the answer is being sent. */
  abort() {
    this.#connection.abort();
  }
}

/**
 * Decodes the chunk at the beginning of some bytes.
 *
 * @param {Buffer} bytes
 * @returns {{data: Buffer, length: number} | undefined} its data, which is empty in the last chunk, and the
 *   length of the whole chunk; undefined if the chunk is incomplete or invalid
 */
function decodeChunk(bytes) {
  const line = bytes.indexOf('\r\n');
  if (line < 0) return undefined;
  const end = line + 2 + parseInt(bytes.toString('latin1', 0, line), 16);
  // NaN, where there is no size, is not smaller either.
  if (!(end + 2 <= bytes.length)) return undefined;
  return { data: bytes.subarray(line + 2, end), length: end + 2 };
}

module.exports = { BODYLESS, HttpConnection, decodeChunk };
