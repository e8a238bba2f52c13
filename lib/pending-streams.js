'use strict';

/**
 * @file Streams of Node to which this package writes. The client, the http server or the application may end one
 * of them in the same tick in which something has been written.
 */

/**
 * A writer to a stream of Node.
 *
 * @typedef {object} Writer
 * @property {() => void} flushLast writes what waits, because the stream is about to end
 * @property {() => void} end is called when the stream is over
 * @property {import('./server').Service} service
 */

/** The attendant of each stream that has writers. @type {WeakMap<object, Attendant>} */
const attendants = new WeakMap();

/**
 * Until `leave`, the writer is told when the stream is over. Before the stream ends or is destroyed, the writer
 * writes what waits: 0.3.24 writes at once.
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

/** Follows one stream for all of its writers. There may be many: a client may pipeline requests. */
class Attendant {
  /** @param {any} stream */
  constructor(stream) {
    this.stream = stream;
    /** @type {Set<Writer>} */
    this.writers = new Set();
    /** Methods that the stream had as own properties before ours. */
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
      // The stream cannot be changed. What waits when it ends is lost.
    }
  }

  /** Is called before a method that would lose what has not been written. */
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

  /** No writer is left. Restores the stream, unless the application has replaced the methods again. */
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

/** All streams share these functions, so that an idle client costs little. @type {[string, Function][]} */
const METHODS = ['end', 'destroy'].map((name, index) => [
  name,
  /** @this {any} */
  function flushFirst(...args) {
    const attendant = attendants.get(this);
    // A method that an application has put before this one may call it again.
    const isFirst = attendant !== undefined && !attendant.flushing;
    if (isFirst && attendant.writers.size > 0) attendant.flush();
    const own = isFirst ? attendant.own[index] : undefined;
    return (own ?? Object.getPrototypeOf(this)[name]).apply(this, args);
  },
]);

module.exports = { attend, leave };
