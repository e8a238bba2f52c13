'use strict';

const { HANDSHAKE, encodeClose, encodeFrame } = require('../support/websocket-client');

/**
 * The steps of one case, in order. Connections have names. They open with the first bytes that are sent.
 *
 * | step | |
 * |---|---|
 * | `send` | writes bytes, cut into segments; `requests` describes the requests that they contain |
 * | `until` | waits for `answers` to all requests so far, the `head` of the last, a `text`, a number of `frames`, a `pong`, or `closed` |
 * | `settle` | waits until the server has handled pending events, and its output has arrived |
 * | `stop` | stops recording what a connection receives |
 * | `abort`, `finish` | closes a connection, or the client's half of it |
 */
class Script {
  /** @param {string} id of the case; it is in each User-Agent and in the names of sessions */
  constructor(id) {
    this.id = id;
    this.steps = [];
    /** Connections on which no further request or ping can be sent, e.g. after an incomplete one. */
    this.broken = new Set();
  }

  /**
   * @param {string} service
   * @param {string} [name]
   * @param {string} [server] the part of the path that SockJS ignores
   * @returns {string} the URL of a session that only this case uses
   */
  session(service, name = 's', server = '000') {
    return `${service}/${server}/${this.id}-${name}-${service.replace(/\W/g, '')}`;
  }

  /**
   * @param {string} on
   * @param {string | Buffer} bytes
   * @param {object} [options]
   * @param {{method: string, target: string, isUpgrade: boolean}[]} [options.requests]
   * @param {string} [options.label] describes the bytes in reports
   * @param {number[]} [options.cuts]
   * @param {boolean} [options.idle] uses another connection if this one is busy
   * @param {boolean} [options.framed] the bytes are frames. They are not sent if the server has refused the
   *   handshake: whether the connection is still open then is a race
   * @param {number} [options.server] 0; or 1: the http server with an empty prefix
   */
  send(on, bytes, options = {}) {
    const { requests = [], cuts = [], server = 0, idle = false, framed = false, label } = options;
    const step = { do: 'send', on, bytes: Buffer.from(bytes), requests, cuts, server, label };
    this.steps.push({ ...step, idle, framed });
    return this;
  }

  /**
   * @param {string} on
   * @param {string} method
   * @param {string} target
   * @param {object} [options] these and those of `send`
   * @param {Record<string, string | undefined>} [options.headers] undefined removes a header
   * @param {string | Buffer} [options.body]
   * @param {string} [options.version]
   */
  request(on, method, target, options = {}) {
    const bytes = encodeRequest(this.id, method, target, options);
    const requests = [summary(method, target, options.headers)];
    return this.send(on, bytes, { ...options, requests });
  }

  /** Sends a request and waits for its answer. */
  ask(on, method, target, options) {
    return this.request(on, method, target, options).until(on, 'answers');
  }

  get(on, target, headers) {
    return this.ask(on, 'GET', target, { headers });
  }

  post(on, target, body, headers) {
    return this.ask(on, 'POST', target, { body, headers });
  }

  /** Sends messages to a session, on a connection of their own. */
  sendMessages(url, ...messages) {
    return this.post(`messages${this.steps.length}`, `${url}/xhr_send`, JSON.stringify(messages), {
      'Content-Type': 'text/plain',
    }).settle();
  }

  /**
   * @param {string} on
   * @param {string} target
   * @param {object} [options]
   * @param {Record<string, string | undefined>} [options.headers]
   * @param {Buffer} [options.early] bytes in the same segment
   */
  handshake(on, target, { headers = {}, early = Buffer.alloc(0), method = 'GET', ...rest } = {}) {
    const all = { ...HANDSHAKE, ...headers };
    const head = encodeRequest(this.id, method, target, { headers: all });
    const requests = [summary(method, target, all)];
    return this.send(on, Buffer.concat([head, early]), { ...rest, requests }).until(on, 'head');
  }

  /** @param {...(string | object)} frames texts, or arguments of `encodeFrame` */
  frames(on, ...frames) {
    const all = frames.map((frame) => (typeof frame === 'string' ? { payload: frame } : frame));
    const bytes = Buffer.concat(all.map(encodeFrame));
    return this.send(on, bytes, { framed: true, label: describeFrames(all) });
  }

  closeFrame(on, code, reason) {
    return this.send(on, encodeClose(code, reason), { framed: true });
  }

  /**
   * @param {string} on
   * @param {'answers' | 'head' | 'text' | 'frames' | 'pong' | 'closed'} what
   * @param {string | number} [value]
   */
  until(on, what, value) {
    this.steps.push({ do: 'until', on, what, value });
    return this;
  }

  settle() {
    this.steps.push({ do: 'settle' });
    return this;
  }

  stop(on) {
    this.steps.push({ do: 'stop', on });
    return this;
  }

  abort(on) {
    this.steps.push({ do: 'abort', on });
    return this;
  }

  finish(on) {
    this.steps.push({ do: 'finish', on });
    return this;
  }

  /** See `broken`. */
  breaks(on) {
    this.broken.add(on);
    return this;
  }
}

/** @returns {Buffer} */
function encodeRequest(id, method, target, { headers = {}, body = '', version = '1.1' } = {}) {
  const all = { Host: 'localhost', 'User-Agent': id, ...headers };
  const names = Object.keys(all).map((name) => name.toLowerCase());
  const isMarked = names.includes('content-length') || names.includes('transfer-encoding');
  if (!isMarked && (body.length > 0 || method === 'POST')) {
    all['Content-Length'] = String(Buffer.byteLength(body));
  }
  const lines = Object.entries(all)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}: ${value}\r\n`);
  const head = `${method} ${target} HTTP/${version}\r\n${lines.join('')}\r\n`;
  return Buffer.concat([Buffer.from(head, 'latin1'), Buffer.from(body)]);
}

/** Describes a request, for `send`. */
function summary(method, target, headers = {}) {
  const names = Object.keys(headers).filter((name) => headers[name] !== undefined);
  const find = (wanted) => headers[names.find((name) => name.toLowerCase() === wanted)];
  const isUpgrade = find('upgrade') !== undefined && /upgrade/i.test(find('connection') ?? '');
  return { method, target, isUpgrade };
}

/** @returns {string} opcodes and payloads of frames */
function describeFrames(frames) {
  return frames
    .map(({ opcode = 1, fin = true, payload = '' }) => {
      const text = JSON.stringify(Buffer.from(payload).toString());
      return `${opcode}${fin ? '' : '…'} ${text}`;
    })
    .join(' | ');
}

module.exports = { Script, describeFrames, encodeRequest, summary };
