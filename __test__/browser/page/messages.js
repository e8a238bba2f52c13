'use strict';

/**
 * Fifty messages that are hard for some transport. The page and the tests both load this file, because
 * `page.evaluate` cannot pass lone surrogates.
 *
 * @param {{surrogates?: boolean, markup?: boolean}} [what] `surrogates: false` leaves out lone
 *   surrogates, which raw websockets cannot carry; `markup: false` leaves out `</script>` and `<!--`
 * @returns {string[]}
 */
function makeMessages({ surrogates = true, markup = true } = {}) {
  const range = (from, to) => {
    let text = '';
    for (let unit = from; unit <= to; unit++) text += String.fromCharCode(unit);
    return text;
  };
  const kinds = [
    'plain',
    '',
    ' ',
    'Žluťoučký kůň, γειά σου, 漢字かな, שלום',
    'astral 🧦 👩‍👩‍👧 𝒳',
    range(0x00, 0x1f) + range(0x7f, 0x9f),
    `\u00ad${range(0x0600, 0x0604)}\u070f\u17b4\u17b5`,
    range(0x200c, 0x200f) + range(0x2028, 0x202f) + range(0x2060, 0x206f),
    `\ufeff${range(0xfff0, 0xffff)}`,
    '"quotes" \'and\' \\backslashes\\ \\u0041 \\n',
    'lines\nand\rreturns\r\nand data: fields\n\nid: 1',
    markup ? '</script><script>throw 1</script><!-- --> <b>&amp;</b>' : '<b>&amp;</b>',
    'percent %41 %zz %25 + & = ? # d=1&d=2',
    'o',
    'h',
    'c[3000,"Go away!"]',
    'a["x"]',
    '["a","b"]',
    '{"a":null}',
    'null',
    '0123456789'.repeat(1024), // 10 kB
    '漢字🧦\n'.repeat(1024),
  ];
  if (surrogates) {
    kinds.push('lone \ud800 surrogates \udfff and \udc00\ud800 swapped', range(0xd800, 0xdfff));
  }
  return Array.from({ length: 50 }, (_, i) =>
    i < kinds.length ? kinds[i] : `${i}: ${kinds[i % kinds.length]}`,
  );
}

if (typeof module !== 'undefined') module.exports = { makeMessages };
