'use strict';

/**
 * @file Clients of all transports with the same methods. HTTP clients keep their connections alive, and also
 * use them for requests to the application.
 */

const { OPCODE, encodeClose, encodeFrame } = require('../../support/websocket-client');

/**
 * A SockJS frame, or its equivalent on raw websockets.
 *
 * @typedef {{ kind: 'open' | 'heartbeat' } | { kind: 'messages', messages: string[] } | { kind: 'closed', code: number | undefined, reason: string }} Frame
 */

/** @typedef {import('../../support/http-client').HttpConnection} HttpConnection */

/**
 * @param {string} text a SockJS frame
 * @returns {Frame}
 */
function parse(text) {
  const rest = text.slice(1);
  switch (text[0]) {
    case 'o':
      if (rest === '') return { kind: 'open' };
      break;
    case 'h':
      if (rest === '') return { kind: 'heartbeat' };
      break;
    case 'a':
      return { kind: 'messages', messages: JSON.parse(rest) };
    case 'c': {
      const [code, reason] = JSON.parse(rest);
      return { kind: 'closed', code, reason };
    }
  }
  throw new Error(`not a SockJS frame: ${text.slice(0, 80)}`);
}

class Link {
  /**
   * @param {import('../../support/client').Client} client
   * @param {import('./plan').Plan} plan
   * @param {import('../../support/random').Random} random
   */
  constructor(client, plan, random) {
    this.client = client;
    this.plan = plan;
    this.random = random;
    this.foreign = 0;
    this.base = `${plan.prefix}/${random.int(0, 999)}/${plan.name}`;
  }

  /** @returns {import('net').Socket} the socket that receives frames */
  get socket() {
    return this.receiver.wire.socket;
  }

  /** Disconnects without closing the session. */
  disconnect() {
    this.gone = true;
    if (this.plan.ending === 'reset') this.socket.resetAndDestroy();
    else this.socket.end();
  }
}

/** `websocket` and `websocket-raw`. */
class WebSocketLink extends Link {
  async open() {
    const { raw, prefix, name } = this.plan;
    const target = raw ? `${prefix}/websocket?${name}` : `${this.base}/websocket`;
    this.receiver = await this.client.websocket(target);
    this.opened = !raw;
  }

  /** @returns {Promise<Frame>} */
  async next() {
    if (!this.opened) {
      this.opened = true;
      return { kind: 'open' };
    }
    const { opcode, payload } = await this.receiver.frame();
    if (opcode === OPCODE.ping) {
      this.pong(encodeFrame({ opcode: OPCODE.pong, payload }));
      return { kind: 'heartbeat' };
    }
    if (opcode === OPCODE.close) {
      const code = payload.length > 0 ? payload.readUInt16BE(0) : undefined;
      const reason = payload.toString('utf8', 2);
      if (this.plan.raw) return { kind: 'closed', code, reason };
      throw new Error(`a websocket close frame without a SockJS close frame: ${code} ${reason}`);
    }
    if (opcode !== OPCODE.text) throw new Error(`a frame with opcode ${opcode}`);
    const text = payload.toString();
    return this.plan.raw ? { kind: 'messages', messages: [text] } : parse(text);
  }

  /** @param {string[]} texts */
  async send(texts) {
    const payloads = this.plan.raw ? texts : [JSON.stringify(texts)];
    const bytes = Buffer.concat(payloads.flatMap((payload) => this.frames(payload)));
    const { socket } = this.receiver.wire;
    let from = 0;
    this.splits = true;
    for (const to of this.random.chance(0.2) ? this.random.cuts(bytes.length, 3) : []) {
      socket.write(bytes.subarray(from, to));
      from = to;
      await new Promise(setImmediate);
    }
    this.splits = false;
    // Waits for a server that reads slowly.
    if (!socket.write(bytes.subarray(from)) && !socket.destroyed) {
      await new Promise((resolve) => {
        socket.once('drain', resolve);
        socket.once('close', resolve);
      });
    }
  }

  /** Answers a ping, but not within a frame. */
  pong(bytes) {
    if (this.splits) setImmediate(() => this.pong(bytes));
    else this.receiver.wire.write(bytes);
  }

  /** @returns {Buffer[]} a message, in one frame or in several */
  frames(payload) {
    const bytes = Buffer.from(payload);
    if (!this.random.chance(0.15)) return [encodeFrame({ payload: bytes })];
    const cuts = [0, ...this.random.cuts(bytes.length, 3), bytes.length];
    return cuts.slice(1).map((to, index) => {
      const fin = index === cuts.length - 2;
      const opcode = index === 0 ? OPCODE.text : OPCODE.continuation;
      return encodeFrame({ opcode, fin, payload: bytes.subarray(cuts[index], to) });
    });
  }

  /** Ends the connection after the server has closed the session. */
  async leave() {
    if (!this.plan.raw) {
      const { opcode, payload } = await this.receiver.frame();
      if (opcode !== OPCODE.close || payload.readUInt16BE(0) !== 1000) {
        throw new Error(`opcode ${opcode} after the SockJS close frame`);
      }
    }
    this.receiver.sendClose(1000);
    await this.receiver.end();
  }

  /** Closes the session and the connection. */
  async close() {
    this.receiver.wire.write(encodeClose(1000, 'bye'));
    for (;;) {
      const { opcode } = await this.receiver.frame();
      if (opcode === OPCODE.close) break;
    }
    await this.receiver.end();
  }
}

/** The base class of the HTTP transports. */
class HttpLink extends Link {
  constructor(...args) {
    super(...args);
    this.jsonp = this.plan.transport === 'jsonp-polling';
    const [method, path] = RECEIVES[this.plan.transport];
    this.method = method;
    this.target = `${this.base}/${path}`;
  }

  async open() {
    this.receiver = this.client.connect();
  }

  /**
   * @param {HttpConnection | undefined} connection
   * @returns {HttpConnection} this connection if it is open, or a new one
   */
  alive(connection) {
    if (this.gone) throw new Error('the client has disconnected');
    return connection === undefined || connection.wire.ended ? this.client.connect() : connection;
  }

  /** @param {string[]} texts */
  async send(texts) {
    this.sender = this.alive(this.sender);
    await this.requestApplication(this.sender);
    const json = JSON.stringify(texts);
    const body = this.jsonp ? `d=${encodeURIComponent(json)}` : json;
    const type = this.jsonp ? 'application/x-www-form-urlencoded' : 'text/plain';
    const response = await this.sender.request(
      'POST',
      `${this.base}/${this.jsonp ? 'jsonp_send' : 'xhr_send'}`,
      { body, headers: { 'Content-Type': type } },
    );
    const expected = this.jsonp ? 200 : 204;
    if (response.status !== expected) {
      throw new Error(`sending is answered with ${response.status} ${response.body}`);
    }
  }

  /**
   * Sometimes sends a request for the application on the connection.
   *
   * @param {HttpConnection} connection
   */
  async requestApplication(connection) {
    if (!this.plan.foreign || !this.random.chance(0.3)) return;
    this.foreign++;
    const target = `/own/${this.foreign}`;
    const post = this.random.chance(0.3);
    const body = post ? 'b'.repeat(this.random.int(0, 100_000)) : '';
    const response = await connection.request(post ? 'POST' : 'GET', target, { body });
    const expected = post ? body : `app ${target}`;
    if (response.status !== 200 || response.body !== expected) {
      throw new Error(`the application answers ${response.status} ${response.body.slice(0, 80)}`);
    }
  }

  async leave() {
    this.sender?.abort();
    this.receiver.abort();
  }

  close() {
    return this.leave();
  }

  disconnect() {
    this.sender?.abort();
    super.disconnect();
  }
}

/** `xhr-streaming`, `eventsource` and `htmlfile`. */
class StreamLink extends HttpLink {
  /** @returns {Promise<Frame>} */
  async next() {
    const [, , mark, unwrap] = RECEIVES[this.plan.transport];
    for (;;) {
      if (this.response === undefined) {
        this.receiver = this.alive(this.receiver);
        await this.requestApplication(this.receiver);
        this.receiver.send(this.method, this.target);
        this.response = await this.receiver.response();
        if (this.response.status !== 200) {
          throw new Error(`a stream is answered with ${this.response.status}`);
        }
      }
      const text = await this.response.until(mark).catch(atEnd);
      if (text === undefined) {
        // The response has reached `response_limit`. The next one continues.
        if (this.response.truncated) throw new Error('a stream ends within a chunk');
        this.response = undefined;
        continue;
      }
      const frame = unwrap(text);
      if (frame !== undefined) return parse(frame);
    }
  }
}

/**
 * @param {Error} error
 * @returns {undefined} if the error is the end of a body; throws other errors
 */
function atEnd(error) {
  if (!/^the body ended before [^:]*: \s*$/.test(error.message)) throw error;
  return undefined;
}

/** `xhr-polling` and `jsonp-polling`. */
class PollLink extends HttpLink {
  /** @returns {Promise<Frame>} */
  async next() {
    const [, , , unwrap] = RECEIVES[this.plan.transport];
    this.receiver = this.alive(this.receiver);
    await this.requestApplication(this.receiver);
    const { status, body, truncated } = await this.receiver.request(this.method, this.target);
    if (status !== 200 || truncated) throw new Error(`a poll is answered with ${status} ${body}`);
    return parse(unwrap(body));
  }
}

/** Method, path, the end of a frame in the body, and a function that extracts the SockJS frame, if there is one. */
const RECEIVES = {
  'xhr-polling': ['POST', 'xhr', '\n', (text) => text.slice(0, -1)],
  'xhr-streaming': [
    'POST',
    'xhr_streaming',
    '\n',
    (text) => (text.startsWith('hh') ? undefined : text.slice(0, -1)),
  ],
  eventsource: [
    'GET',
    'eventsource',
    '\r\n',
    (text) => (text === '\r\n' ? undefined : unescape(text.slice('data: '.length, -2))),
  ],
  htmlfile: [
    'GET',
    'htmlfile?c=callback',
    '</script>\r\n',
    (text) => {
      const [, argument] = /p\((".*")\);\n<\/script>\r\n$/s.exec(text) ?? [];
      // `\!` is valid in a script, but not in JSON.
      return argument && JSON.parse(argument.replaceAll('<\\!--', '<!--'));
    },
  ],
  'jsonp-polling': [
    'GET',
    'jsonp?c=callback',
    '',
    (text) => JSON.parse(text.slice('/**/callback('.length, -');\r\n'.length)),
  ],
};

/** Decodes the escapes of eventsource, which are those of 0.3.24. */
const unescape = (text) =>
  text.replace(/%(25|0D|0A|00)/g, (_, hex) => String.fromCharCode(parseInt(hex, 16)));

/** @returns {WebSocketLink | StreamLink | PollLink} */
function linkFor(client, plan, random) {
  if (plan.upgraded) return new WebSocketLink(client, plan, random);
  const Kind = plan.transport.endsWith('polling') ? PollLink : StreamLink;
  return new Kind(client, plan, random);
}

module.exports = { linkFor };
