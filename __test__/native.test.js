'use strict';

/*
 * The numbers and names that both sides use are declared in Rust (`src/addon/constants.rs`). JavaScript must know all
 * kinds of events, and must not read a name that is not declared.
 */

const { addition } = require('./support/library');

addition('each kind of event has a handler, and each handler a kind', () => {
  const { EventKind } = require('../lib/native');
  const { HANDLERS } = require('../lib/event-handlers');
  // The engine itself handles messages.
  const handled = [...Object.keys(HANDLERS), 'Message', 'Value'];
  expect(handled.sort()).toEqual(Object.keys(EventKind).sort());
});

addition('lib/ reads no name that the native side does not declare', () => {
  const { loadBinding } = require('../lib/load');
  /** @type {string[]} */
  const unknown = [];
  jest.isolateModules(() => {
    const load = {
      ...require('../lib/load'),
      loadBinding: () => strict(loadBinding(), '', unknown),
    };
    jest.doMock('../lib/load', () => load);
    require('..');
    require('../lib/transport');
  });
  expect(unknown).toEqual([]);
});

/**
 * @param {any} declared an object that the native side declares
 * @param {string} path where it is
 * @param {string[]} unknown gets the paths of what is read but not declared
 * @returns {any} the same object, watched
 */
function strict(declared, path, unknown) {
  return new Proxy(declared, {
    get(target, name) {
      if (!(name in target)) unknown.push(`${path}${String(name)}`);
      const value = target[name];
      if (name === 'names') return () => strict(value(), 'names().', unknown);
      const isGroup = typeof value === 'object' && !Array.isArray(value);
      return isGroup ? strict(value, `${path}${String(name)}.`, unknown) : value;
    },
  });
}
