'use strict';

/**
 * @file What the native side knows by number, as long as somebody here holds the object that it stands for.
 */

/** Gives numbers back whose objects are garbage, and finds listeners by theirs. */
class Numbers {
  /** @param {import('./engine').Engine} engine */
  constructor(engine) {
    this.engine = engine;
    /** @type {Map<number, WeakRef<import('./server').Listener>>} */
    this.listeners = new Map();
    /**
     * Listeners that have been taken off an http server: requests for them may be under way there.
     *
     * @type {Map<number, import('./server').Listener>}
     */
    this.leaving = new Map();
    /** @type {FinalizationRegistry<() => void>} */
    this.garbage = new FinalizationRegistry((release) => {
      release();
      // A host says goodbye to its services.
      engine.drainSoon();
    });
  }

  /** @param {import('./server').Registry} registry */
  addRegistry(registry) {
    const { native } = this.engine;
    const { number } = registry;
    this.garbage.register(registry, () => native.releaseRegistry(number));
  }

  /** @param {import('./install').Installation} installation */
  addHost(installation) {
    const { native } = this.engine;
    const { host } = installation;
    this.garbage.register(installation, () => native.releaseHost(host));
  }

  /** @param {import('./server').Listener} listener */
  addListener(listener) {
    const { listeners } = this;
    const { native } = this.engine;
    const { id } = listener;
    listeners.set(id, new WeakRef(listener));
    this.garbage.register(listener, () => {
      listeners.delete(id);
      native.releaseService(id);
    });
  }

  /**
   * @param {number} id
   * @returns {import('./server').Listener | undefined} of an event that is about it: there for sure as long as a
   *   request or a connection of it is
   */
  listener(id) {
    return this.listeners.get(id)?.deref();
  }

  /**
   * A listener is taken off an http server.
   *
   * @param {number} host
   * @param {import('./server').Listener} listener
   */
  leave(host, listener) {
    const { engine } = this;
    this.leaving.set(listener.id, listener);
    engine.hold(1);
    engine.native.hostRemove(host, listener.id);
    engine.drainSoon();
  }

  /**
   * No request is under way for it any more where it was taken off.
   *
   * @param {number} id
   */
  left(id) {
    if (this.leaving.delete(id)) this.engine.hold(-1);
  }
}

module.exports = { Numbers };
