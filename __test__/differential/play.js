'use strict';

const net = require('net');
const { Condition } = require('../support/wait');
const { encodeFrame } = require('../support/websocket-client');
const { encodeRequest } = require('./script');
const { Transcript } = require('./transcript');

/** Milliseconds after which a wait is given up; only cases that differ should wait so long. */
const TIMEOUT_MS = 2500;

/** Milliseconds in which a socket that cannot write any more is read. */
const LAST_WORDS = 50;

/** One connection of a case. */
class Line {
  constructor(port) {
    this.transcript = new Transcript();
    this.isStopped = false;
    this.hasFinished = false;
    this.changed = new Condition();
    this.socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    this.socket.setNoDelay(true);
    // A stream that cannot write does not read on, but what the server said before it closed is there.
    const { _write } = this.socket;
    this.socket._write = (chunk, encoding, callback) =>
      _write.call(this.socket, chunk, encoding, (error) => {
        if (error) setTimeout(callback, LAST_WORDS, error);
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

  /** Writes bytes in segments of their own. */
  async write(bytes, cuts) {
    let from = 0;
    for (const to of [...cuts, bytes.length]) {
      if (this.transcript.isClosed && from > 0) return;
      await new Promise((resolve) => {
        // A server may stop reading; what waits is then seen to wait in vain.
        const timer = setTimeout(resolve, TIMEOUT_MS);
        this.socket.write(bytes.subarray(from, to), () => resolve(clearTimeout(timer)));
      });
      // So that the server reads them one by one.
      if (to < bytes.length) await new Promise((resolve) => setTimeout(resolve, 2));
      from = to;
    }
  }

  /** @returns {Promise<boolean>} false if it has waited in vain */
  until(what, value) {
    const { transcript } = this;
    const holds = {
      answers: () => transcript.isWebsocket || transcript.answered >= transcript.methods.length,
      head: () => transcript.begun >= transcript.methods.length,
      frames: () => transcript.frames.length >= value,
      text: () => transcript.includes(value) || isOver(transcript),
      pong: () => transcript.frames.some(({ payload }) => payload.includes(value)),
      closed: () => false,
    }[what];
    return this.changed.becomes(() => this.isStopped || transcript.isClosed || holds(), TIMEOUT_MS);
  }

  /** Finds out whether the connection is still open, by using it. */
  async probe(id) {
    const { transcript } = this;
    if (transcript.isClosed || this.isStopped || this.hasFinished) return;
    if (transcript.isWebsocket) {
      this.socket.write(encodeFrame({ opcode: 9, payload: 'probe' }));
      await this.until('pong', 'probe');
    } else if (isOver(transcript)) {
      transcript.methods.push('GET');
      this.socket.write(encodeRequest(id, 'GET', '/probe', {}));
      await this.until('answers');
    }
  }
}

/** Whether a line can take another request. */
function isIdle({ transcript, isStopped }) {
  const last = transcript.responses[transcript.responses.length - 1];
  // That the connection has closed may not have arrived yet.
  const isClosing = last?.headers.connection?.includes('close');
  return isOver(transcript) && !transcript.isClosed && !isStopped && !isClosing;
}

/** Waits until what is under way inside the server, and from there to here, has arrived. */
async function settle(subject) {
  await subject.ask('settle');
  // An I/O thread of sockjs-rs may be a little behind its JavaScript.
  await new Promise((resolve) => setTimeout(resolve, 3));
  await new Promise(setImmediate);
}

/** Waits until a text has come on any line, or no line is waiting for anything. */
async function untilAny(lines, text) {
  const waiting = lines.filter(
    ({ transcript, isStopped }) => !isStopped && !transcript.isClosed && !isOver(transcript),
  );
  const holds = await Promise.all(waiting.map((line) => line.until('text', text)));
  return holds.every(Boolean);
}

/** Whether all that was asked is answered. */
function isOver(transcript) {
  return !transcript.isWebsocket && transcript.answered >= transcript.methods.length;
}

/**
 * Plays a script against one subject.
 *
 * @param {import('./subject').Subject} subject
 * @param {import('./script').Script} script
 * @returns {Promise<{observe: () => Promise<object>}>} when all is said; the observation follows when
 *   all its sessions have ended
 */
async function play(subject, script) {
  const ports = await subject.ports();
  const { deaths } = subject;
  /** @type {Map<string, Line>} */
  const lines = new Map();
  const inVain = [];
  for (const [index, step] of script.steps.entries()) {
    let name = step.on;
    let line = lines.get(name);
    switch (step.do) {
      case 'send':
        if (step.framed && !line?.transcript.isWebsocket) break;
        // What is busy cannot take another request: one of its successors does.
        while (step.idle && line && !isIdle(line)) line = lines.get((name += '+'));
        if (!line) lines.set(name, (line = new Line(ports[step.server])));
        line.transcript.methods.push(...step.requests.map(({ method }) => method));
        await line.write(step.bytes, step.cuts);
        break;
      case 'until':
        if (step.on === '*') {
          if (!(await untilAny([...lines.values()], step.value))) inVain.push(index);
        } else if (line && !(await line.until(step.what, step.value))) inVain.push(index);
        break;
      case 'settle':
        await settle(subject);
        break;
      case 'stop':
        if (!line) lines.set(name, (line = new Line(ports[0])));
        line.isStopped = true;
        break;
      case 'abort':
        if (line) line.isStopped = true;
        line?.socket.destroy();
        break;
      case 'finish':
        if (line) line.hasFinished = true;
        line?.socket.end();
        break;
    }
  }
  await settle(subject);
  for (const [name, line] of lines) {
    if (!script.broken.has(name)) await line.probe(script.id);
  }
  const connections = {};
  const names = new Map();
  for (const [name, line] of lines) {
    connections[name] = observeConnection(line.transcript, line.isStopped);
    names.set(line.localPort, name);
    line.isStopped = true;
    line.socket.destroy();
  }
  return {
    async observe() {
      const report = await subject.ask('report', script.id);
      if (!report || subject.deaths !== deaths) {
        return { connections, inVain, died: subject.lastDeath || 'the process died' };
      }
      const { sessions, log, unfinished, uncaught } = report;
      for (const entry of sessions.flat()) {
        if ('remotePort' in entry) {
          entry.remotePort = names.get(entry.remotePort) ?? `unknown ${entry.remotePort}`;
        }
      }
      return { connections, inVain, sessions, log, unfinished, uncaught };
    },
  };
}

/** What of a transcript is compared. */
function observeConnection(transcript, isStopped) {
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
    // To be the same within seconds.
    const ahead = (Date.parse(kept.expires[0]) - Date.now()) / 1000;
    kept.expires = `in ${Math.round(ahead / 30) * 30} s`;
  }
  if (typeof framing === 'number') framing = 'length';
  const text = body.toString('latin1').replace(/"entropy":\d{1,10}\b/, '"entropy":#');
  if (text.includes('"entropy":#')) delete kept['content-length'];
  // `complete` of an answer to a CONNECT or the like is of no interest.
  return { line, headers: kept, framing, complete, body: shorten(text) };
}

function observeFrame({ first, masked, start, payload }) {
  const text =
    (first & 0x0f) === 8 && payload.length >= 2
      ? `close ${payload.readUInt16BE(0)} ${payload.toString('utf8', 2)}`
      : payload.toString('latin1');
  return `${first.toString(16)}${masked ? ' masked' : ''} ${start}: ${shorten(text)}`;
}

/** Preludes are long. */
function shorten(text) {
  return text.replace(/(h{40}|x{40}| {40})\1*(h|x| )*/g, (run) => `<${run[0]} × ${run.length}>`);
}

module.exports = { play };
