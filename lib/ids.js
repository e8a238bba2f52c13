'use strict';

/**
 * @file Numbers of services, registries, rooms and installations. The native side knows these objects only by number.
 */

/** Releases the number of an object when the object is garbage, and finds services by number. */
class Ids {
  /** @param {import('./engine').Engine} engine */
  constructor(engine) {
    this.engine = engine;
    /** @type {Map<number, WeakRef<import('./server').Service>>} */
    this.services = new Map();
    /**
     * Services that have been removed from an http server, where requests for them may still be under way.
     *
     * @type {Map<number, import('./server').Service>}
     */
    this.leaving = new Map();
    /** @type {FinalizationRegistry<() => void>} */
    this.garbage = new FinalizationRegistry((release) => {
      release();
      // The release of an installation may have queued a `LEFT` event for each of its services.
      engine.drainSoon();
    });
  }

  /** @param {import('./server').Registry} registry */
  addRegistry(registry) {
    const { native } = this.engine;
    const { number } = registry;
    this.garbage.register(registry, () => native.releaseRegistry(number));
  }

  /** @param {import('./rooms').Rooms} rooms */
  addRooms(rooms) {
    const { native } = this.engine;
    const { number } = rooms;
    this.garbage.register(rooms, () => native.releaseRooms(number));
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
   * Finds the service that an event names.
   *
   * @param {number} id
   * @returns {import('./server').Service | undefined} never undefined while the service has a connection, or a request
   *   under way
   */
  service(id) {
    return this.services.get(id)?.deref();
  }

  /**
   * Removes a service from an installation, and holds the service until no request for it is under way there.
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
   * Handles a `LEFT` event: no request for the removed service is under way any more.
   *
   * @param {number} id
   */
  left(id) {
    if (this.leaving.delete(id)) this.engine.hold(-1);
  }
}

module.exports = { Ids };
