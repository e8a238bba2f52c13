'use strict';

/**
 * @file Calls functions when the process exits. All copies of the package in a process share one listener for `'exit'`,
 * because Node prints a warning if an event has more than ten listeners.
 */

/** The property of `process` that all copies share. Each environment has a `process` object of its own. */
const kShared = Symbol.for('sockjs-rs.exit');

/**
 * @typedef {object} Shared
 * @property {Set<() => void>} callbacks
 * @property {() => void} listener
 */

/** @type {{ [kShared]?: Shared } & NodeJS.Process} */
const host = process;

/** @param {() => void} callback is called when the process exits */
function onExit(callback) {
  const { callbacks, listener } = (host[kShared] ??= share());
  callbacks.add(callback);
  // An application may have removed the listener.
  if (!process.listeners('exit').includes(listener)) process.on('exit', listener);
}

/** @param {() => void} callback a function that was passed to `onExit` */
function offExit(callback) {
  const shared = host[kShared];
  if (!shared?.callbacks.delete(callback) || shared.callbacks.size > 0) return;
  process.removeListener('exit', shared.listener);
  // Its functions would keep the copy of the package that created it in memory.
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
