'use strict';

/**
 * @file What each session of a soak says and does. Server and clients work it out from the session's
 * name and the seed, so that each knows what the other has to send.
 */

const { Random } = require('../../support/random');

/** Weights of the transports. Websockets are cheap and quick, so they are not more than the others. */
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
 * How sessions end. `server` and `client` only when each has all that the other has sent; in the others
 * the client goes in the middle of it: its receiving connection is reset, or half closed.
 */
const ENDINGS = [
  [5, 'server'],
  [4, 'client'],
  [2, 'reset'],
  [2, 'half-close'],
];

/** What texts are made of. */
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

/** Weights of lengths, in characters of the alphabet. */
const LENGTHS = [
  [70, [1, 200]],
  [24, [200, 4 * KIBIBYTE]],
  [6, [4 * KIBIBYTE, 32 * KIBIBYTE]],
];

/** This number of texts; a few of them are large. */
const TEXTS = 160;
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
    // Escaped they would be six times as long, and keep the clients busy for too long.
    this.large = LARGE.map((length) => 'large and plain '.repeat(length / 16));
    // What UTF-8, which raw websockets carry, makes of them: U+FFFD for lone surrogates.
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
    // Those that stay are websockets.
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
      // The service under `/marked` has a `high_water_mark`, and its writer waits for 'drain'.
      prefix: random.pick(['/plain', '/marked']),
      transport,
      upgraded,
      raw: transport === 'websocket-raw',
      ending,
      up,
      down,
      // How many messages the client sends before it goes.
      sent: ending === 'server' || ending === 'client' ? up : random.int(0, up),
      slow,
      large: random.chance(slow ? 0.2 : 0.02),
      pauses: random.chance(0.15),
      throws: random.chance(0.1),
      throwsAtOpen: random.chance(0.03),
      // `close()` of a websocket emits 'close' before it returns: that would throw into the caller.
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
    // One byte, by which neighbours still differ.
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

/** The last message of a server whose client is to close. */
const allCame = (plan) => `all ${plan.up} came`;

/** @param {string} text */
function hash(text) {
  let value = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) {
    value = Math.imul(value ^ text.charCodeAt(index), 0x01000193);
  }
  return value;
}

/**
 * A text as a report shows it.
 *
 * @param {unknown} text
 */
function shortened(text) {
  if (typeof text !== 'string') return text;
  return text.length > 80 ? `${text.slice(0, 80)}… (${text.length} characters)` : text;
}

module.exports = { Plans, allCame, hash, shortened };
