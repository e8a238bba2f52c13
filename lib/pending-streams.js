'use strict';

/**
 * @file Streams of Node's that something of ours is written to. They may be ended by others: the client, the
 * http server, or the application, in the very tick in which something has been written.
 */

/**
 * What is written to a stream of Node's, or by way of it.
 *
 * @typedef {object} Writer
 * @property {() => void} flushLast writes what waits, because somebody ends the stream
 * @property {() => void} end the stream is over
 * @property {import('./server').Service} service
 */

/** Who attends to which stream. @type {WeakMap<object, Attendant>} */
const attendants = new WeakMap();

/**
 * From now on, until `leave`: a writer is told when the stream is over. What it has to write leaves before
 * somebody ends or destroys the stream, as in 0.3.24, which writes at once.
 *
 * @param {any} stream
 * @param {Writer} writer
 */
function attend(stream, writer) {
  let attendant = attendants.get(stream);
  if (attendant === undefined) {
    attendant = new Attendant(stream);
    attendants.set(stream, attendant);
  }
  attendant.writers.add(writer);
}

/**
 * @param {any} stream
 * @param {Writer} writer
 */
function leave(stream, writer) {
  const attendant = attendants.get(stream);
  if (attendant === undefined || !attendant.writers.delete(writer)) return;
  if (attendant.writers.size === 0) attendant.rest();
}

/** Attends to one stream for all that is written to it: a client may pipeline as many requests as it likes. */
class Attendant {
  /** @param {any} stream */
  constructor(stream) {
    this.stream = stream;
    /** @type {Set<Writer>} */
    this.writers = new Set();
    /** What was there in the place of the stream's own methods. */
    this.own = METHODS.map(([name]) => (Object.hasOwn(stream, name) ? stream[name] : undefined));
    this.flushing = false;
    this.over = () => {
      for (const writer of this.writers) writer.end();
    };
    stream.on('end', this.over);
    stream.on('close', this.over);
    try {
      for (const [name, method] of METHODS) stream[name] = method;
    } catch {
      // It is not to be changed: what waits when somebody ends it is lost.
    }
  }

  /** Somebody calls a method that loses what has not been written. */
  flush() {
    this.flushing = true;
    for (const writer of this.writers) {
      try {
        writer.flushLast();
      } catch (error) {
        const what = /** @type {any} */ (error)?.stack ?? error;
        writer.service.log('error', `Exception on a stream that is ended:\n${what}`);
      }
    }
    this.flushing = false;
  }

  /** Nothing is left to attend to: the stream is as it was, unless somebody has built upon what it is. */
  rest() {
    const { stream, own } = this;
    if (METHODS.some(([name, method]) => stream[name] !== method)) return;
    METHODS.forEach(([name], index) => {
      if (own[index] === undefined) delete stream[name];
      else stream[name] = own[index];
    });
    stream.removeListener('end', this.over);
    stream.removeListener('close', this.over);
    attendants.delete(stream);
  }
}

/** Functions that all streams share: an idle client should cost little. @type {[string, Function][]} */
const METHODS = ['end', 'destroy'].map((name, index) => [
  name,
  /** @this {any} */
  function flushFirst(...args) {
    const attendant = attendants.get(this);
    // What somebody has put on top may call this again.
    const isFirst = attendant !== undefined && !attendant.flushing;
    if (isFirst && attendant.writers.size > 0) attendant.flush();
    const own = isFirst ? attendant.own[index] : undefined;
    return (own ?? Object.getPrototypeOf(this)[name]).apply(this, args);
  },
]);

module.exports = { attend, leave };
