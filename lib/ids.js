'use strict';

/**
 * @file What the native side knows by number, as long as somebody here holds the object that it stands for.
 */

/** Gives numbers back whose objects are garbage, and finds services by theirs. */
class Ids {
  /** @param {import('./engine').Engine} engine */
  constructor(engine) {
    this.engine = engine;
    /** @type {Map<number, WeakRef<import('./server').Service>>} */
    this.services = new Map();
    /**
     * Listeners that have been taken off an http server: requests for them may be under way there.
     *
     * @type {Map<number, import('./server').Service>}
     */
    this.leaving = new Map();
    /** @type {FinalizationRegistry<() => void>} */
    this.garbage = new FinalizationRegistry((release) => {
      release();
      // An installation says goodbye to its services.
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
  addInstallation(installation) {
    const { native } = this.engine;
    const { id } = installation;
    this.garbage.register(installation, () => native.releaseInstallation(id));
  }

  /** @param {import('./server').Service} service */
  addService(service) {
    const { services } = this;
    const { native } = this.engine;
    const { id } = service;
    services.set(id, new WeakRef(service));
    this.garbage.register(service, () => {
      services.delete(id);
      native.releaseService(id);
    });
  }

  /**
   * @param {number} id
   * @returns {import('./server').Service | undefined} of an event that is about it: there for sure as long as a
   *   request or a connection of it is
   */
  service(id) {
    return this.services.get(id)?.deref();
  }

  /**
   * A service is taken off an http server.
   *
   * @param {number} installation
   * @param {import('./server').Service} service
   */
  leave(installation, service) {
    const { engine } = this;
    this.leaving.set(service.id, service);
    engine.hold(1);
    engine.native.installationRemove(installation, service.id);
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

module.exports = { Ids };
