'use strict';

/**
 * @file The options: defaults, checks, and conversion for the native side.
 */

const { invalidOption, optionOutOfRange } = require('./errors');
const { JSON } = require('./globals');
const { names: native } = require('./native');

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

/** The names that the option `transports` accepts. */
const TRANSPORTS = [...native.transports].sort();

/** The options with a default that 0.3.24 does not have. @type {(keyof typeof DEFAULTS)[]} */
const NEW_OPTIONS = ['max_message_size', 'max_buffered', 'binary', 'io_threads', 'pong_timeout'];

/** The names in `faye_server_options` that this package knows. */
const KNOWN_FAYE_OPTIONS = new Set(['maxLength', 'ping', 'headers', 'extensions']);

/**
 * Adds the options that are missing. As in 0.3.24, `undefined` overrides an option of 0.3.24. It does not override a
 * new option.
 *
 * @param {Record<string, any> | null} [options]
 * @param {Record<string, any>} [base] the options of the server, or the defaults
 * @returns {Record<string, any>}
 */
function complete(options, base = DEFAULTS) {
  /** @type {Record<string, any>} */
  const all = { ...base, ...options };
  for (const name of NEW_OPTIONS) all[name] ??= base[name];
  // `null` stays: it removes the value that the server has.
  if (all.high_water_mark === undefined && base.high_water_mark !== undefined) {
    all.high_water_mark = base.high_water_mark;
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
 * Throws if a value cannot work. Unknown options are ignored, because applications pass objects with other members.
 *
 * @param {Record<string, any>} options with all defaults
 */
function check(options) {
  checkPrefix(options.prefix);
  if (options.log !== null && typeof options.log !== 'function') {
    throw invalidOption('log', 'a function or null', options.log);
  }
  checkTransports(options);
  for (const name of ['heartbeat_delay', 'disconnect_delay', 'response_limit']) {
    // Strings of digits are accepted too: 0.3.24 does not check, and they work there.
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
      // `disabled_transports` may have other names: those of 0.0.x, such as 'iframe-eventsource', have no effect.
      if (option === 'transports' && !TRANSPORTS.includes(name)) {
        throw invalidOption(option, `an array of ${TRANSPORTS.join(', ')}`, name);
      }
    }
  }
}

/**
 * The transports that are served.
 *
 * @param {Record<string, any>} options
 * @returns {string[] | undefined} undefined if all are served
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
    // The expression of 0.3.24. A prefix may be valid by itself, but not in this expression.
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
 * Converts options to those of the native side, whose units are in `src/addon/options.rs`.
 *
 * @param {Record<string, any>} options complete and checked
 * @param {boolean} log whether the native side makes lines for the log
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
    // As in 0.3.24, 0 is no limit. Any other number below 1 ends a response after its first frame.
    responseLimit: Number(options.response_limit) && Math.max(1, Number(options.response_limit)),
    maxMessageSize: Number(options.max_message_size),
    maxFrameSize: Number(faye.maxLength || options.max_message_size),
    maxBuffered: Number(options.max_buffered),
    binary: Boolean(options.binary),
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
 * Converts a header's name or value to one line. A line break in it would begin another header.
 *
 * @param {unknown} value
 */
function headerText(value) {
  return String(value)
    .replace(/[\r\n]+/g, ' ')
    .trim();
}

module.exports = { complete, check, warnings, toNative };
