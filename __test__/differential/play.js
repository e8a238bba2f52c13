'use strict';

const net = require('net');
const { Condition } = require('../support/wait');
const { encodeFrame } = require('../support/websocket-client');
const { encodeRequest } = require('./script');
const { Transcript } = require('./transcript');

/** Milliseconds after which a wait times out. Only cases that differ should wait so long. */
const TIMEOUT_MS = 2500;

/** Milliseconds for which a socket is still read after a failed write. */
const READ_ON_MS = 50;

/** One connection of a case. */
class Connection {
  constructor(port) {
    this.transcript = new Transcript();
    this.isStopped = false;
    this.hasFinished = false;
    this.changed = new Condition();
    this.socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    this.socket.setNoDelay(true);
    // A stream stops reading when a write fails, and the server's last bytes are lost. So the error is delayed.
    const { _write } = this.socket;
    this.socket._write = (chunk, encoding, callback) =>
      _write.call(this.socket, chunk, encoding, (error) => {
        if (error) setTimeout(callback, READ_ON_MS, error);
        else callback();
      });
    this.socket.on('connect', () => (this.localPort = this.socket.localPort));
    this.socket.on('data', (chunk) => {
      if (this.isStopped) return;
      this.transcript.feed(chunk);
      this.changed.notify();
    });
    const close = () => {
      if (!this.isStopped) this.transcript.close();
      this.changed.notify();
    };
    for (const event of ['end', 'close', 'error']) this.socket.on(event, close);
  }

  /** Writes bytes, cut into segments. */
  async write(bytes, cuts) {
    let from = 0;
    for (const to of [...cuts, bytes.length]) {
      if (this.transcript.isClosed && from > 0) return;
      await new Promise((resolve) => {
        // A server may stop reading. The next `until` reports that.
        const timer = setTimeout(resolve, TIMEOUT_MS);
        this.socket.write(bytes.subarray(from, to), () => resolve(clearTimeout(timer)));
      });
      // So that the server reads them one by one.
      if (to < bytes.length) await new Promise((resolve) => setTimeout(resolve, 2));
      from = to;
    }
  }

  /** @returns {Promise<boolean>} false if the wait has timed out */
  until(what, value) {
    const { transcript } = this;
    const holds = {
      answers: () => transcript.isWebsocket || transcript.answered >= transcript.methods.length,
      head: () => transcript.begun >= transcript.methods.length,
      frames: () => transcript.frames.length >= value,
      text: () => transcript.includes(value) || isAnswered(transcript),
      pong: () => transcript.frames.some(({ payload }) => payload.includes(value)),
      closed: () => false,
    }[what];
    return this.changed.becomes(() => this.isStopped || transcript.isClosed || holds(), TIMEOUT_MS);
  }

  /** Finds out whether the connection is still open, with a ping or a request. */
  async probe(id) {
    const { transcript } = this;
    if (transcript.isClosed || this.isStopped || this.hasFinished) return;
    if (transcript.isWebsocket) {
      this.socket.write(encodeFrame({ opcode: 9, payload: 'probe' }));
      await this.until('pong', 'probe');
    } else if (isAnswered(transcript)) {
      transcript.methods.push('GET');
      this.socket.write(encodeRequest(id, 'GET', '/probe', {}));
      await this.until('answers');
    }
  }
}

/** Whether a connection can take another request. */
function isIdle({ transcript, isStopped }) {
  const last = transcript.responses[transcript.responses.length - 1];
  // The end of the connection may not have arrived yet.
  const isClosing = last?.headers.connection?.includes('close');
  return isAnswered(transcript) && !transcript.isClosed && !isStopped && !isClosing;
}

/** Waits until the server has handled pending events, and its output has arrived here. */
async function settle(subject) {
  await subject.ask('settle');
  // An I/O thread of sockjs-rs may be a little behind its JavaScript.
  await new Promise((resolve) => setTimeout(resolve, 3));
  await new Promise(setImmediate);
}

/** Waits until each connection with an unanswered request has received a text, or has its answer. */
async function untilAll(connections, text) {
  const waiting = connections.filter(
    ({ transcript, isStopped }) => !isStopped && !transcript.isClosed && !isAnswered(transcript),
  );
  const holds = await Promise.all(waiting.map((connection) => connection.until('text', text)));
  return holds.every(Boolean);
}

/** Whether all requests are answered. */
function isAnswered(transcript) {
  return !transcript.isWebsocket && transcript.answered >= transcript.methods.length;
}

/**
 * Plays a script against one subject.
 *
 * @param {import('./subject').Subject} subject
 * @param {import('./script').Script} script
 * @returns {Promise<{observe: () => Promise<object>}>} after the last step; `observe` waits until all
 *   sessions of the case have ended
 */
async function play(subject, script) {
  const ports = await subject.ports();
  const { crashes } = subject;
  /** @type {Map<string, Connection>} */
  const connections = new Map();
  const open = (name, server) => {
    const connection = new Connection(ports[server]);
    connections.set(name, connection);
    return connection;
  };
  const timedOut = [];
  for (const [index, step] of script.steps.entries()) {
    let name = step.on;
    let connection = connections.get(name);
    switch (step.do) {
      case 'send':
        if (step.framed && !connection?.transcript.isWebsocket) break;
        // A busy connection cannot take another request. The names of further ones end with '+'.
        while (step.idle && connection && !isIdle(connection)) {
          connection = connections.get((name += '+'));
        }
        connection ??= open(name, step.server);
        connection.transcript.methods.push(...step.requests.map(({ method }) => method));
        await connection.write(step.bytes, step.cuts);
        break;
      case 'until':
        if (step.on === '*') {
          if (!(await untilAll([...connections.values()], step.value))) timedOut.push(index);
        } else if (connection && !(await connection.until(step.what, step.value))) {
          timedOut.push(index);
        }
        break;
      case 'settle':
        await settle(subject);
        break;
      case 'stop':
        connection ??= open(name, 0);
        connection.isStopped = true;
        break;
      case 'abort':
        if (connection) connection.isStopped = true;
        connection?.socket.destroy();
        break;
      case 'finish':
        if (connection) connection.hasFinished = true;
        connection?.socket.end();
        break;
    }
  }
  await settle(subject);
  for (const [name, connection] of connections) {
    if (!script.broken.has(name)) await connection.probe(script.id);
  }
  const observed = {};
  const names = new Map();
  for (const [name, connection] of connections) {
    observed[name] = observeConnection(connection);
    names.set(connection.localPort, name);
    connection.isStopped = true;
    connection.socket.destroy();
  }
  return {
    async observe() {
      const report = await subject.ask('report', script.id);
      if (!report || subject.crashes !== crashes) {
        const crashed = subject.lastCrash || 'the process ended';
        return { connections: observed, timedOut, crashed };
      }
      const { sessions, log, unfinished, uncaught } = report;
      for (const entry of sessions.flat()) {
        if ('remotePort' in entry) {
          entry.remotePort = names.get(entry.remotePort) ?? `unknown ${entry.remotePort}`;
        }
      }
      return { connections: observed, timedOut, sessions, log, unfinished, uncaught };
    },
  };
}

/** The parts of a transcript that are compared. */
function observeConnection({ transcript, isStopped }) {
  return {
    responses: transcript.responses.map(observeResponse),
    frames: transcript.frames.filter(({ first }) => (first & 0x0f) !== 10).map(observeFrame),
    pongs: transcript.frames.filter(({ first }) => (first & 0x0f) === 10).map(observeFrame),
    isClosed: isStopped || transcript.isClosed,
    rest: transcript.rest,
  };
}

function observeResponse({ line, headers, framing, body, complete }) {
  const kept = { ...headers };
  delete kept.date;
  if (kept.expires) {
    // The two subjects answer at slightly different times.
    const ahead = (Date.parse(kept.expires[0]) - Date.now()) / 1000;
    kept.expires = `in ${Math.round(ahead / 30) * 30} s`;
  }
  if (typeof framing === 'number') framing = 'length';
  const text = body.toString('latin1').replace(/"entropy":\d{1,10}\b/, '"entropy":#');
  if (text.includes('"entropy":#')) delete kept['content-length'];

  return { line, headers: kept, framing, complete, body: shorten(text) };
}

function observeFrame({ first, masked, start, payload }) {
  const text =
    (first & 0x0f) === 8 && payload.length >= 2
      ? `close ${payload.readUInt16BE(0)} ${payload.toString('utf8', 2)}`
      : payload.toString('latin1');
  return `${first.toString(16)}${masked ? ' masked' : ''} ${start}: ${shorten(text)}`;
}

/** Shortens long runs of the characters that preludes consist of. */
function shorten(text) {
  return text.replace(/(h{40}|x{40}| {40})\1*(h|x| )*/g, (run) => `<${run[0]} × ${run.length}>`);
}

module.exports = { play };
