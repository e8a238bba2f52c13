'use strict';

/**
 * @file The options: defaults, checks, and their translation for the native side.
 */

const { invalidOption, optionOutOfRange } = require('./errors');
const { JSON } = require('./globals');

/** Bytes of one message that faye-websocket accepts by default. */
const MAX_MESSAGE_SIZE = 0x3ffffff;
const MEBIBYTE = 1024 * 1024;
/** More threads than this do not serve the network faster. */
const MAX_IO_THREADS = 64;

/** The defaults of sockjs 0.3.24, and of the options that are new here. */
const DEFAULTS = Object.freeze({
  prefix: '',
  response_limit: 128 * 1024,
  websocket: true,
  faye_server_options: null,
  jsessionid: false,
  heartbeat_delay: 25000,
  disconnect_delay: 5000,
  log: /** @type {(severity: string, line: string) => void} */ (
    (severity, line) => console.log(line)
  ),
  sockjs_url: 'https://cdn.jsdelivr.net/npm/sockjs-client@1/dist/sockjs.min.js',
  max_message_size: MAX_MESSAGE_SIZE,
  max_buffered: 64 * MEBIBYTE,
  binary: false,
  io_threads: 1,
  pong_timeout: 10000,
});

/** The names of the option `transports`. */
const TRANSPORTS = [
  'eventsource',
  'htmlfile',
  'jsonp-polling',
  'websocket',
  'websocket-raw',
  'xhr-polling',
  'xhr-streaming',
];

/** @type {(keyof typeof DEFAULTS)[]} */
const NEW_OPTIONS = ['max_message_size', 'max_buffered', 'binary', 'io_threads', 'pong_timeout'];

/** The names in `faye_server_options` that this package knows. */
const KNOWN_FAYE_OPTIONS = new Set(['maxLength', 'ping', 'headers', 'extensions']);

/**
 * Completes the options with those below them. `undefined` overrides an option of 0.3.24, as there, but not a
 * new one.
 *
 * @param {Record<string, any> | null} [options]
 * @param {Record<string, any>} [below] complete options
 * @returns {Record<string, any>}
 */
function complete(options, below = DEFAULTS) {
  /** @type {Record<string, any>} */
  const all = { ...below, ...options };
  for (const name of NEW_OPTIONS) all[name] ??= below[name];
  // Unset by default; `null` removes a mark of the options below.
  if (all.high_water_mark === undefined && below.high_water_mark !== undefined) {
    all.high_water_mark = below.high_water_mark;
  }
  return all;
}

/**
 * @param {any} value
 * @returns {number} NaN for a value that cannot be converted to a number
 */
function toNumber(value) {
  try {
    return Number(value);
  } catch {
    return NaN;
  }
}

/** @param {() => unknown} convert */
function works(convert) {
  try {
    convert();
    return true;
  } catch {
    return false;
  }
}

/**
 * Throws for values that cannot work. Unknown options are ignored: callers pass objects with other members.
 *
 * @param {Record<string, any>} options complete options
 */
function check(options) {
  checkPrefix(options.prefix);
  if (options.log !== null && typeof options.log !== 'function') {
    throw invalidOption('log', 'a function or null', options.log);
  }
  checkTransports(options);
  for (const name of ['heartbeat_delay', 'disconnect_delay', 'response_limit']) {
    // 0.3.24 passes them on, so that numeric strings work.
    if (Number.isNaN(toNumber(options[name]))) throw invalidOption(name, 'a number', options[name]);
  }
  for (const name of ['max_message_size', 'max_buffered', 'io_threads', 'pong_timeout']) {
    checkAtLeastOne(name, options[name]);
  }
  checkFaye(options.faye_server_options);
  for (const name of ['websocket', 'base_url']) {
    if (!works(() => JSON.stringify(options[name]))) {
      throw invalidOption(name, 'a value that JSON can express', options[name]);
    }
  }
  if (!works(() => String(options.sockjs_url))) {
    throw invalidOption('sockjs_url', 'a string', options.sockjs_url);
  }
  if (Number(options.io_threads) > MAX_IO_THREADS) {
    throw optionOutOfRange('io_threads', `at most ${MAX_IO_THREADS}`, options.io_threads);
  }
  if (options.high_water_mark !== undefined && options.high_water_mark !== null) {
    const mark = toNumber(options.high_water_mark);
    if (Number.isNaN(mark)) {
      throw invalidOption('high_water_mark', 'a number of bytes', options.high_water_mark);
    }
    if (mark < 0) throw optionOutOfRange('high_water_mark', '0 or more', options.high_water_mark);
  }
}

/**
 * A falsy `maxLength` or `ping` is ignored, as in 0.3.24.
 *
 * @param {Record<string, any> | null | undefined} faye
 */
function checkFaye(faye) {
  for (const name of ['maxLength', 'ping']) {
    const value = faye?.[name];
    if (!value) continue;
    const option = `faye_server_options.${name}`;
    if (Number.isNaN(toNumber(value))) throw invalidOption(option, 'a number', value);
    if (Number(value) <= 0) throw optionOutOfRange(option, 'above 0', value);
  }
}

/** @param {Record<string, any>} options */
function checkTransports({ transports, disabled_transports: disabled }) {
  for (const [option, names] of Object.entries({ transports, disabled_transports: disabled })) {
    if (names === undefined || names === null) continue;
    if (!Array.isArray(names)) throw invalidOption(option, 'an array of names', names);
    for (const name of names) {
      // 0.0.x had other names, such as 'iframe-eventsource'; in `disabled_transports` they have no effect.
      if (option === 'transports' && !TRANSPORTS.includes(name)) {
        throw invalidOption(option, `an array of ${TRANSPORTS.join(', ')}`, name);
      }
    }
  }
}

/**
 * The transports that are served; undefined for all.
 *
 * @param {Record<string, any>} options
 * @returns {string[] | undefined}
 */
function servedTransports({ transports, disabled_transports: disabled }) {
  if (!transports && !disabled) return undefined;
  const served = transports ?? TRANSPORTS;
  return served.filter((/** @type {string} */ name) => !disabled?.includes(name));
}

/** @param {unknown} prefix */
function checkPrefix(prefix) {
  if (typeof prefix !== 'string') {
    throw invalidOption('prefix', 'the source of a regular expression', prefix);
  }
  try {
    // Composed as in 0.3.24: a prefix may be valid alone but not in this expression.
    new RegExp(`^${prefix}([/].+|[/]?)$`);
  } catch (error) {
    throw invalidOption(
      'prefix',
      `the source of a regular expression (${/** @type {Error} */ (error).message})`,
      prefix,
    );
  }
}

/**
 * @param {string} name
 * @param {unknown} value
 */
function checkAtLeastOne(name, value) {
  const number = toNumber(value);
  if (Number.isNaN(number)) throw invalidOption(name, 'a number', value);
  if (number < 1) throw optionOutOfRange(name, '1 or more', value);
}

/**
 * Lines for the log about names in `faye_server_options` that have no effect.
 *
 * @param {Record<string, any>} options
 * @returns {string[]}
 */
function warnings(options) {
  const faye = options.faye_server_options;
  if (!faye) return [];
  const lines = [];
  for (const name of Object.keys(faye)) {
    if (!KNOWN_FAYE_OPTIONS.has(name)) {
      lines.push(`faye_server_options.${name} is not known to sockjs-rs and has no effect`);
    }
  }
  for (const extension of [].concat(faye.extensions || [])) {
    const name = extension?.name;
    lines.push(
      name === 'permessage-deflate'
        ? 'permessage-deflate is not available yet: websockets are not compressed'
        : `the websocket extension ${JSON.stringify(name)} is not known to sockjs-rs and has no effect`,
    );
  }
  return lines;
}

/**
 * The options in the form of the native side; `src/addon/mod.rs` has the units.
 *
 * @param {Record<string, any>} options complete and checked
 * @param {boolean} log whether lines for the log are made
 */
function toNative(options, log) {
  const faye = options.faye_server_options || {};
  const baseUrl = options.base_url;
  const needsFunction = typeof baseUrl === 'function';
  const highWaterMark = options.high_water_mark ?? undefined;
  const transports = servedTransports(options);
  const websocket = transports && !transports.includes('websocket') ? false : options.websocket;
  return {
    prefix: options.prefix,
    heartbeatDelay: Number(options.heartbeat_delay),
    disconnectDelay: Number(options.disconnect_delay),
    pongTimeout: Number(options.pong_timeout),
    // As in 0.3.24, a limit below 1 other than 0 ends a response at its first frame; 0 is no limit.
    responseLimit: Number(options.response_limit) && Math.max(1, Number(options.response_limit)),
    maxMessageSize: Number(options.max_message_size),
    maxFrameSize: Number(faye.maxLength || options.max_message_size),
    maxBuffered: Number(options.max_buffered),
    highWaterMark: highWaterMark === undefined ? undefined : Number(highWaterMark),
    ping: faye.ping ? Number(faye.ping) * 1000 : undefined,
    handshakeHeaders: Object.entries(faye.headers || {}).flatMap(([name, value]) =>
      value === undefined ? [] : [headerText(name), headerText(value)],
    ),
    websocket: Boolean(options.websocket),
    websocketInfo: JSON.stringify(websocket),
    transports,
    transportsInfo: options.transports ? JSON.stringify(transports) : undefined,
    jsessionid: Boolean(options.jsessionid) && typeof options.jsessionid !== 'function',
    cookieNeeded: Boolean(options.jsessionid),
    disableCors: Boolean(options.disable_cors),
    sockjsUrl: String(options.sockjs_url),
    baseUrl: baseUrl && !needsFunction ? JSON.stringify(baseUrl) : undefined,
    log,
    needsNode: typeof options.jsessionid === 'function',
    infoNeedsNode: needsFunction,
  };
}

/**
 * A header's name or value on one line: a line break in it would begin another header.
 *
 * @param {unknown} value
 */
function headerText(value) {
  return String(value)
    .replace(/[\r\n]+/g, ' ')
    .trim();
}

module.exports = { complete, check, warnings, toNative };
