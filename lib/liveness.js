'use strict';

/**
 * @file When the native side may call JavaScript, and what keeps the process alive.
 */

const { offExit, onExit } = require('./exit');
const { setTimeout } = require('./globals');

/** Milliseconds for which an unused handle stays open. Tools that look for open handles wait longer. */
const REST_DELAY = 20;

/**
 * Counts the objects that the native side may call about. While there is none, no handle is open and Node does not
 * hold the engine: without a service it is garbage.
 */
class Liveness {
  /** @param {import('./engine').Engine} engine */
  constructor(engine) {
    this.engine = engine;
    this.used = 0;
    /** How many of those keep the process alive, and whether the native side has been told so. */
    this.refs = 0;
    this.kept = false;
    /** Whether the native side may call, and whether a timer will soon end that. */
    this.awake = false;
    this.resting = false;
    this.restIfUnused = () => {
      this.resting = false;
      if (this.used === 0) this.rest();
    };
  }

  /**
   * @param {number} change
   * @param {number} refs
   */
  hold(change, refs) {
    this.used += change;
    this.refs += refs;
    if (!this.awake) this.wake();
    else if (this.used === 0) this.restSoon();
    const keep = this.refs > 0;
    if (keep === this.kept) return;
    this.kept = keep;
    this.engine.native.keepAlive(keep);
  }

  wake() {
    const { engine } = this;
    this.awake = true;
    onExit(engine.onExit);
    if (engine.native.wake(engine.drainLater)) engine.drainSoon();
  }

  /** Delayed, so that a single client which comes and goes does not need a new handle each time. */
  restSoon() {
    if (this.resting) return;
    this.resting = true;
    setTimeout(this.restIfUnused, REST_DELAY).unref();
  }

  rest() {
    const { engine } = this;
    this.awake = false;
    engine.watching = false;
    offExit(engine.onExit);
    engine.native.rest();
  }
}

module.exports = { Liveness };
