'use strict';

const fs = require('fs');
const path = require('path');
const { NAMES } = require('./support/official');

test('each of the 68 tests of the official suite has one counterpart', () => {
  const files = fs.readdirSync(__dirname).filter((name) => name.startsWith('official-'));
  const texts = files.map((name) => fs.readFileSync(path.join(__dirname, name), 'utf8'));
  const found = [...texts.join('').matchAll(/^official\(\s*'([^']+)'/gm)].map(([, name]) => name);
  expect(NAMES).toHaveLength(68);
  expect(found.sort()).toEqual([...NAMES].sort());
});
