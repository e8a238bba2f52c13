'use strict';

/**
 * @file The plan of each session: its messages and its end. Server and clients derive it from the session's
 * name and the seed, so each side knows what the other one must send.
 */

const { Random } = require('../../support/random');

/** How many residents each client process has: websockets that stay open during the whole run. */
const RESIDENTS = 8;

/** Transports with their weights. */
const TRANSPORTS = [
  [4, 'websocket'],
  [3, 'websocket-raw'],
  [2, 'xhr-polling'],
  [2, 'xhr-streaming'],
  [2, 'eventsource'],
  [2, 'htmlfile'],
  [2, 'jsonp-polling'],
];

/**
 * How sessions end, with weights. `server`, `client`: this side closes when all messages have arrived on both
 * sides. `reset`, `half-close`: the client resets or half-closes its receiving connection before that.
 */
const ENDINGS = [
  [5, 'server'],
  [4, 'client'],
  [2, 'reset'],
  [2, 'half-close'],
];

/** The characters of texts. */
const ALPHABETS = [
  ['a', 'b', 'z', '0', ' ', ',', '.'],
  ['é', 'ü', 'ß', '\u00a0', 'a'],
  ['α', '漢', '字', '\u0600', '\u200c', '\u2028', '\u2029', '\ufeff', '\uffff'],
  ['\u{1f600}', '\u{10ffff}', '\u{10000}', 'x'],
  ['\ud800', 'a', '\udfff', '\udc00\ud800', '\u{1f600}'],
  ['"', '\\', '\n', '\r', '\t', '\0', '\x1f', '\x7f', '/', '%'],
  ['</script>', '<!--', ']]>', '&amp;', '<', "'", '-->', '\\!'],
  ['["', '"]', '{"a":', '}', ',', 'null', '\\u0000'],
];

const KIBIBYTE = 1024;

/** Weights and ranges of lengths, in characters of the alphabet. */
const LENGTHS = [
  [70, [1, 200]],
  [24, [200, 4 * KIBIBYTE]],
  [6, [4 * KIBIBYTE, 32 * KIBIBYTE]],
];

/** How many texts there are, besides the large ones. */
const TEXTS = 160;
/** The lengths of the large texts. */
const LARGE = [64 * KIBIBYTE, 128 * KIBIBYTE, 1024 * KIBIBYTE];

class Plans {
  /** @param {number} seed */
  constructor(seed) {
    this.seed = seed;
    const random = new Random(seed, 1);
    const make = (length) => {
      const alphabet = random.pick(ALPHABETS);
      const block = Array.from({ length: Math.min(length, 61) }, () => random.pick(alphabet));
      return block.join('').repeat(Math.ceil(length / block.length));
    };
    this.texts = Array.from({ length: TEXTS }, () => make(random.int(...random.weighted(LENGTHS))));
    // Plain characters: escaped ones are six times as long and would keep the clients busy for too long.
    this.large = LARGE.map((length) => 'large and plain '.repeat(length / 16));
    // Raw websockets carry UTF-8, where lone surrogates become U+FFFD.
    const wellFormed = (text) => Buffer.from(text).toString();
    this.rawTexts = this.texts.map(wellFormed);
    this.rawLarge = this.large.map(wellFormed);
  }

  /**
   * @param {string} name
   * @returns {Plan}
   */
  of(name) {
    const random = new Random(this.seed, 2, hash(name));
    // Residents are websockets.
    const table = name.startsWith('r') ? TRANSPORTS.slice(0, 2) : TRANSPORTS;
    const transport = random.weighted(table);
    const upgraded = transport.startsWith('websocket');
    const ending = random.weighted(ENDINGS);
    const up = random.int(0, random.pick([5, 40, 120]));
    const down = random.int(0, random.pick([5, 40, 200]));
    const slow = random.chance(0.15);
    return {
      name,
      ingress: random.pick(['takeover', 'bridge']),
      // The service under `/marked` has a `high_water_mark`. Its sessions wait for 'drain'.
      prefix: random.pick(['/plain', '/marked']),
      transport,
      upgraded,
      raw: transport === 'websocket-raw',
      ending,
      up,
      down,
      // How many messages the client sends before it disconnects.
      sent: ending === 'server' || ending === 'client' ? up : random.int(0, up),
      slow,
      large: random.chance(slow ? 0.2 : 0.02),
      pauses: random.chance(0.15),
      throws: random.chance(0.1),
      throwsAtOpen: random.chance(0.03),
      // `close()` of a websocket emits 'close' before it returns, so the caller of `close()` would throw.
      throwsAtClose: random.chance(0.03) && !(upgraded && ending === 'server'),
      foreign: random.chance(0.5),
    };
  }

  /**
   * @param {Plan} plan
   * @param {'up' | 'down'} direction
   * @param {number} number of the message, from 0
   * @returns {string}
   */
  message(plan, direction, number) {
    const random = new Random(this.seed, direction === 'up' ? 3 : 4, hash(plan.name), number);
    // One byte; consecutive messages still differ.
    if (random.chance(0.2)) return String.fromCharCode(33 + (number % 90));
    const large = plan.large && number < 20 && random.chance(0.1);
    const texts = plan.raw
      ? large
        ? this.rawLarge
        : this.rawTexts
      : large
        ? this.large
        : this.texts;
    return `${number}:${random.pick(texts)}`;
  }
}

/**
 * @typedef {ReturnType<Plans['of']>} Plan
 */

/** The server's last message in a session that the client closes. */
const confirmation = (plan) => `received all ${plan.up}`;

/** @param {string} text */
function hash(text) {
  let value = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) {
    value = Math.imul(value ^ text.charCodeAt(index), 0x01000193);
  }
  return value;
}

/**
 * Shortens a text for a report.
 *
 * @param {unknown} text
 */
function shortened(text) {
  if (typeof text !== 'string') return text;
  return text.length > 80 ? `${text.slice(0, 80)}… (${text.length} characters)` : text;
}

module.exports = { Plans, RESIDENTS, confirmation, hash, shortened };
