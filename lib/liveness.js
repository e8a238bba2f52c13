'use strict';

/**
 * @file For how long the native side may call, and what keeps the process alive.
 */

const { offExit, onExit } = require('./exit');
const { setTimeout } = require('./globals');

/** Milliseconds for which a handle stays open that nobody uses: less than tools wait that look for open ones. */
const REST_DELAY = 20;

/**
 * Counts what the native side may have something to say about. While there is nothing, no handle of ours is open
 * and Node does not hold the engine: one that nobody else holds is garbage.
 */
class Liveness {
  /** @param {import('./engine').Engine} engine */
  constructor(engine) {
    this.engine = engine;
    this.used = 0;
    /** How many of those keep the process alive, and whether the native side has been told so. */
    this.refs = 0;
    this.kept = false;
    /** Whether the native side may call, and whether it soon may not any more. */
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

  /** A client alone comes and goes without a new handle each time. */
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
