'use strict';

/**
 * @file What has to be done when the process ends, with one listener for all copies of the package: Node warns of
 * more than ten.
 */

/** Where the copies that are loaded in one process find it. */
const kShared = Symbol.for('sockjs-rs.exit');

/**
 * @typedef {object} Shared
 * @property {Set<() => void>} callbacks
 * @property {() => void} listener
 */

/** @type {{ [kShared]?: Shared } & NodeJS.Process} */
const host = process;

/**
 * Calls a function when the process ends.
 *
 * @param {() => void} callback
 */
function onExit(callback) {
  const { callbacks, listener } = (host[kShared] ??= share());
  callbacks.add(callback);
  // An application may have removed it.
  if (!process.listeners('exit').includes(listener)) process.on('exit', listener);
}

/** @param {() => void} callback one that `onExit` was given */
function offExit(callback) {
  const shared = host[kShared];
  if (!shared?.callbacks.delete(callback) || shared.callbacks.size > 0) return;
  process.removeListener('exit', shared.listener);
  // It would keep the copy that has made it.
  delete host[kShared];
}

/** @returns {Shared} */
function share() {
  const callbacks = new Set();
  const listener = () => {
    for (const callback of callbacks) callback();
  };
  return { callbacks, listener };
}

module.exports = { offExit, onExit };
