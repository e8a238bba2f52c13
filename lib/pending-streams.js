'use strict';

/**
 * @file Tracks the streams of Node to which this package has still to write. The client, the http server or the
 * application may end such a stream in the same tick in which something was written to a connection. As in 0.3.24, what
 * was written before is sent.
 */

/**
 * A writer to a stream of Node.
 *
 * @typedef {object} Writer
 * @property {() => void} flushLast writes what waits; is called before the stream ends
 * @property {() => void} end is called when the stream has ended
 * @property {import('./server').Service} service
 */

/** @type {WeakMap<object, TrackedStream>} */
const trackedStreams = new WeakMap();

/**
 * Until `untrack`, calls the methods of the writer before and after the stream ends or is destroyed.
 *
 * @param {any} stream
 * @param {Writer} writer
 */
function track(stream, writer) {
  let tracked = trackedStreams.get(stream);
  if (tracked === undefined) {
    tracked = new TrackedStream(stream);
    trackedStreams.set(stream, tracked);
  }
  tracked.writers.add(writer);
}

/**
 * @param {any} stream
 * @param {Writer} writer
 */
function untrack(stream, writer) {
  const tracked = trackedStreams.get(stream);
  if (tracked === undefined || !tracked.writers.delete(writer)) return;
  if (tracked.writers.size === 0) tracked.restore();
}

/** A stream and all of its writers. There may be many, because a client may pipeline requests. */
class TrackedStream {
  /** @param {any} stream */
  constructor(stream) {
    this.stream = stream;
    /** @type {Set<Writer>} */
    this.writers = new Set();
    /** The methods that the stream had as own properties before they were replaced. */
    this.own = METHODS.map(([name]) => (Object.hasOwn(stream, name) ? stream[name] : undefined));
    this.flushing = false;
    this.onEnd = () => {
      for (const writer of this.writers) writer.end();
    };
    stream.on('end', this.onEnd);
    stream.on('close', this.onEnd);
    try {
      for (const [name, method] of METHODS) stream[name] = method;
    } catch {
      // The stream cannot be changed. What waits when it ends is lost.
    }
  }

  /** Lets all writers write, before a method is called that would lose what waits. */
  flush() {
    this.flushing = true;
    for (const writer of this.writers) {
      try {
        writer.service.engine.native.deliverPublished();
        writer.flushLast();
      } catch (error) {
        const what = /** @type {any} */ (error)?.stack ?? error;
        writer.service.log('error', `Exception while a stream was ended:\n${what}`);
      }
    }
    this.flushing = false;
  }

  /** Restores the methods of the stream, unless the application has replaced them again. */
  restore() {
    const { stream, own } = this;
    if (METHODS.some(([name, method]) => stream[name] !== method)) return;
    METHODS.forEach(([name], index) => {
      if (own[index] === undefined) delete stream[name];
      else stream[name] = own[index];
    });
    stream.removeListener('end', this.onEnd);
    stream.removeListener('close', this.onEnd);
    trackedStreams.delete(stream);
  }
}

/**
 * The methods that replace a stream's own. All streams share them, so that an idle client needs little memory.
 *
 * @type {[string, Function][]}
 */
const METHODS = ['end', 'destroy'].map((name, index) => [
  name,
  /** @this {any} */
  function flushFirst(...args) {
    const tracked = trackedStreams.get(this);
    // A writer that flushes may itself end the stream, which calls this method again. Then Node's method follows.
    const isFirst = tracked !== undefined && !tracked.flushing;
    if (isFirst && tracked.writers.size > 0) tracked.flush();
    const own = isFirst ? tracked.own[index] : undefined;
    return (own ?? Object.getPrototypeOf(this)[name]).apply(this, args);
  },
]);

module.exports = { track, untrack };
