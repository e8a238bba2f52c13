'use strict';

/**
 * @file Random texts, JSON and bodies, valid and invalid.
 */

const CHARACTERS = [
  ...['a', 'b', '0', ' ', '"', '\\', '/', '<', '>', '&', "'", '%', '+', '=', ';', '\n', '\r', '\t'],
  ...['\x00', '\x1f', '\x7f', '\u0080', '\u00ad', 'é', '\u0600', '\u070f', '\u17b4', '\u200b'],
  ...['\u200c', '\u200f', '\u2010', '\u2027', '\u2028', '\u2029', '\u202f', '\u2030', '\u2060'],
  ...['\u206f', '\u2070', '\ufeff', '\uffef', '\ufff0', '\uffff', '\ud83d\ude00', '\u{10ffff}'],
  ...['\ud800', '\udbff', '\udc00', '\udfff', '</script>', '<!--', '[', ']', '{', '}', ','],
];

const ODD_JSON = [
  ...['null', 'true', 'false', '0', '-0', '1', '-1.5e3', '1e400', '-1e400', '1e-400', '0.1'],
  ...['12345678901234567890', '9007199254740993', '""', '"x"', '"[\\"a\\"]"', '[]', '[[]]', '{}'],
  ...['{"a":1,"a":2}', '{"2":1,"1":2,"b":3}', '[null,true,1,"a",[1],{"b":"c"}]', '[-0,0.0,1E2]'],
  ...['["\\ud800"]', '["\\udc00\\ud800"]', '["\\ud83d\\ude00"]', '["\\u0000\\u2028\\ufffe"]'],
  ...['{"length":1,"0":"a"}', '{"constructor":1}', '[[["deep",[[]]]]]', '\t[ "a" ,\r\n"b" ] '],
  ...[
    '{"":""}',
    '["\\/\\b\\f\\n\\r\\t"]',
    '[1.0,100000000000000000000000]',
    '[5e-324,1.7976931348623157e308]',
  ],
];

const BROKEN_JSON = [
  ...['', ' ', '[', ']', '["a"', '["a",]', "['a']", '[1 2]', 'x', 'nul', '{"a"}', '"abc', '[,]'],
  ...[
    '\ufeff["a"]',
    '\u00a0["a"]',
    '["a"]x',
    '["\\x"]',
    '["\\u12"]',
    '[01]',
    '[1.]',
    '[.5]',
    '[+1]',
  ],
  ...[
    '["\n"]',
    '["\t"]',
    '["\u0000"]',
    '[NaN]',
    '[undefined]',
    '{"a":1,}',
    '//\n[]',
    '[1e]',
    '[-]',
  ],
  ...['["\\ud8', '[1]\v', '[1]\f', '[1]\u2028', '[1]\u0000', 'null,', '[true1]', '["a" "b"]'],
];

/** @param {import('../support/random').Random} random */
function text(random, most = 12) {
  let result = '';
  for (let left = random.int(0, most); left > 0; left--) result += random.pick(CHARACTERS);
  return result;
}

/** @returns {string} JSON of some value */
function json(random, depth = 2) {
  return random.weighted([
    [5, () => string(random)],
    [2, () => random.pick(ODD_JSON)],
    [1, () => String(random.int(-1e9, 1e9) / random.pick([1, 3, 1000]))],
    [depth, () => array(random, depth - 1)],
    [depth / 2, () => `{${list(random, () => `${string(random)}:${json(random, depth - 1)}`)}}`],
  ])();
}

/** @returns {string} JSON of a string, with few or many escapes */
function string(random) {
  const plain = JSON.stringify(text(random));
  if (random.chance(0.7)) return plain;
  return plain.replace(
    /[^\\"\w]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

function array(random, depth = 1) {
  return `[${list(random, () => json(random, depth))}]`;
}

function list(random, item) {
  return Array.from({ length: random.int(0, 4) }, item).join(random.pick([',', ',', ' , ']));
}

/** @returns {string} JSON of an array of strings, as clients send it */
function messages(random) {
  return `[${Array.from({ length: random.int(1, 4) }, () => string(random)).join()}]`;
}

/** @returns {Buffer} a body or payload: an array of messages, other JSON, or invalid */
function body(random) {
  const made = random.weighted([
    [8, () => messages(random)],
    [4, () => array(random)],
    [3, () => json(random)],
    [2, () => random.pick(ODD_JSON)],
    [2, () => random.pick(BROKEN_JSON)],
    [1, () => invalidUtf8(random)],
  ])();
  return Buffer.from(made);
}

/** @returns {Buffer} a message with invalid UTF-8 */
function invalidUtf8(random) {
  const bytes = random.pick([
    [0xff],
    [0xc0, 0x80],
    [0xed, 0xa0, 0x80],
    [0xf4, 0x90, 0x80, 0x80],
    [0xe2, 0x82],
    [0x80],
    [0xf0, 0x9f, 0x98],
    [0xc3, 0x28],
  ]);
  const [before, after] = random.pick([
    ['["', '"]'],
    ['["a', 'b","c"]'],
    ['', '["a"]'],
    ['["a"]', ''],
  ]);
  return Buffer.concat([Buffer.from(before), Buffer.from(bytes), Buffer.from(after)]);
}

module.exports = { BROKEN_JSON, ODD_JSON, array, body, invalidUtf8, json, messages, string, text };
