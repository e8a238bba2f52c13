'use strict';

/**
 * @file When the native side may call JavaScript, and what keeps the process alive.
 */

const { offExit, onExit } = require('./exit');
const { setTimeout } = require('./globals');

/** Milliseconds for which an unused handle stays open. Tools that search for open handles wait longer. */
const REST_DELAY = 20;

/**
 * Counts the objects about which the native side may call JavaScript. While there are none, no handle is open, and Node
 * does not reference the engine: when its services are garbage, it is garbage too.
 */
class Liveness {
  /** @param {import('./engine').Engine} engine */
  constructor(engine) {
    this.engine = engine;
    /** The number of these objects. */
    this.used = 0;
    /** The number of those that keep the process alive, and whether the native side's handle keeps it alive. */
    this.refs = 0;
    this.kept = false;
    /** Whether the native side may call, and whether a timer is running that ends this. */
    this.awake = false;
    this.resting = false;
    this.restIfUnused = () => {
      this.resting = false;
      if (this.used === 0) this.rest();
    };
  }

  /**
   * @param {number} change of `used`
   * @param {number} refs change of `refs`
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

  /** Waits a little, so that a single client that comes and goes does not need a new handle each time. */
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
