'use strict';

const { BODYLESS, decodeChunk } = require('../support/http-client');
const { decodeFrame } = require('../support/websocket-client');

/**
 * What a server has sent on one connection, parsed as it arrives. The clients of `support/` await one answer
 * after the other and throw at invalid bytes; here, everything is kept and compared, in whatever order.
 */
class Transcript {
  #buffer = Buffer.alloc(0);
  #current;

  constructor() {
    /** Methods of the requests so far: answers to HEAD have no body. @type {string[]} */
    this.methods = [];
    this.responses = [];
    this.frames = [];
    this.isWebsocket = false;
    /** Whether the websocket is of Hixie-76. The answer to the third key counts as the first frame. */
    this.isHixie = false;
    this.isClosed = false;
  }

  /** @returns {number} how many final answers are complete */
  get answered() {
    return this.responses.filter(({ complete, status }) => complete && status >= 200).length;
  }

  /** @returns {number} how many final answers have begun */
  get begun() {
    return this.responses.filter(({ status }) => status >= 200 || status === 101).length;
  }

  /** @param {Buffer} chunk */
  feed(chunk) {
    this.#buffer = Buffer.concat([this.#buffer, chunk]);
    while (this.#next());
  }

  #next() {
    if (this.isHixie) return this.#hixieFrame();
    return this.isWebsocket ? this.#frame() : this.#http();
  }

  close() {
    this.isClosed = true;
    const current = this.#current;
    if (current?.framing === 'close') current.complete = true;
  }

  /** @param {string} text */
  includes(text) {
    if (this.isWebsocket) return this.frames.some(({ payload }) => payload.includes(text));
    return this.responses.some(({ body }) => body.includes(text));
  }

  /** @returns {string} the first 500 bytes that are incomplete or invalid */
  get rest() {
    return this.#buffer.toString('latin1', 0, 500);
  }

  #take(length) {
    const taken = this.#buffer.subarray(0, length);
    this.#buffer = this.#buffer.subarray(length);
    return taken;
  }

  #http() {
    return this.#current && !this.#current.complete ? this.#body() : this.#head();
  }

  #head() {
    const end = this.#buffer.indexOf('\r\n\r\n');
    if (end < 0) return false;
    const text = this.#buffer.toString('latin1', 0, end);
    const match = /^HTTP\/(1\.[01]) (\d{3})(?: ([^\r\n]*))?/.exec(text);
    if (!match) return false;
    this.#take(end + 4);
    const headers = {};
    for (const line of text.split('\r\n').slice(1)) {
      const colon = line.indexOf(':');
      const name = line.slice(0, colon).toLowerCase();
      (headers[name] ??= []).push(line.slice(colon + 1).trim());
    }
    const status = Number(match[2]);
    const method = this.methods[this.begun];
    const response = {
      line: match[0],
      status,
      headers,
      framing: framingOf(method, status, headers),
      body: Buffer.alloc(0),
      complete: false,
    };
    this.responses.push(response);
    this.#current = response;
    if (status === 101) this.isWebsocket = true;
    this.isHixie = this.isWebsocket && 'sec-websocket-location' in headers;
    response.complete = response.framing === 'none' || response.framing === 0;
    response.left = response.framing;
    return true;
  }

  #body() {
    const response = this.#current;
    const buffer = this.#buffer;
    if (response.framing === 'chunked') {
      const chunk = decodeChunk(buffer);
      if (chunk === undefined) return false;
      this.#take(chunk.length);
      response.body = Buffer.concat([response.body, chunk.data]);
      response.complete = chunk.data.length === 0;
      return true;
    }
    if (buffer.length === 0) return false;
    const length = response.framing === 'close' ? buffer.length : response.left;
    const bytes = this.#take(length);
    response.body = Buffer.concat([response.body, bytes]);
    if (response.framing !== 'close') {
      response.left -= bytes.length;
      response.complete = response.left === 0;
    }
    return true;
  }

  #frame() {
    const frame = decodeFrame(this.#buffer);
    if (frame === undefined) return false;
    this.#take(frame.start + frame.payload.length);
    this.frames.push(frame);
    return true;
  }

  #hixieFrame() {
    const buffer = this.#buffer;
    const isFirst = this.frames.length === 0;
    const isText = buffer[0] === 0;
    const end = isText ? buffer.indexOf(0xff) + 1 : 2;
    const length = isFirst ? 16 : end;
    if (length === 0 || buffer.length < length) return false;
    const bytes = this.#take(length);
    const payload = isFirst || !isText ? bytes : bytes.subarray(1, -1);
    this.frames.push({ first: bytes[0], masked: false, start: isFirst ? 0 : 1, payload });
    return true;
  }
}

/** @returns {number | 'chunked' | 'close' | 'none'} how the end of a body is marked */
function framingOf(method, status, headers) {
  if (method === 'HEAD' || status < 200 || BODYLESS.includes(status)) return 'none';
  if (headers['transfer-encoding']?.[0] === 'chunked') return 'chunked';
  const length = headers['content-length']?.[0];
  return length === undefined ? 'close' : Number(length);
}

module.exports = { Transcript };
