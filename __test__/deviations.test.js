'use strict';

/*
 * The deviations from 0.3.24 are listed in docs/compatibility.md for users and in differential/deviations.js for the
 * tests. Both lists have the same numbers, and each deviation has a test.
 */

const fs = require('fs');
const path = require('path');
const { DEVIATIONS, LIST } = require('./differential/deviations');
const { scenarios } = require('./differential/scenarios');
const { addition } = require('./support/library');
const { startService } = require('./support/server');

const numbers = Object.keys(LIST);

test('docs/compatibility.md and the list in code have the same deviations', () => {
  const page = fs.readFileSync(path.join(__dirname, '../docs/compatibility.md'), 'utf8');
  const [, section] = page.split('\n## Deviations\n');
  const rows = [...section.split('\n## ')[0].matchAll(/^\| (\d+) \|/gm)];
  expect(rows.map(([, number]) => number)).toEqual(numbers);
});

test('every deviation has a Jest test or a case of the differential suite', () => {
  const tested = new Set(DEVIATIONS.map(({ number }) => String(number)));
  for (const { write } of scenarios) {
    const { deviation } = write('x');
    if (deviation) tested.add(String(deviation.number));
  }
  for (const name of fs.readdirSync(__dirname).filter((file) => file.endsWith('.test.js'))) {
    const text = fs.readFileSync(path.join(__dirname, name), 'utf8');
    for (const [, number] of text.matchAll(/\b(?:deviation|survival)\(\s*(\d+),/g)) {
      tested.add(number);
    }
    for (const [, number] of text.matchAll(/'.*\(deviation (\d+)\)'/g)) tested.add(number);
  }
  tested.delete('fault');
  expect([...tested].sort((a, b) => a - b)).toEqual(numbers);
});

addition(
  'a request pipelined behind a waiting poll is handled after the poll (deviation 11)',
  async () => {
    const server = await startService('takeover', { heartbeat_delay: 100 });
    const session = server.session('/s');
    await server.post(`${session}/xhr`);
    const connection = server.connect();
    connection.send('POST', `${session}/xhr`);
    connection.send('POST', `${session}/xhr_send`, { body: '["late"]' });
    expect(await (await connection.response()).rest()).toBe('h\n');
    expect((await connection.response()).status).toBe(204);
    connection.abort();
  },
);
