'use strict';

/*
 * What is meant to differ from 0.3.24 is written down once for users and once for the tests.
 */

const fs = require('fs');
const path = require('path');
const { DEVIATIONS, LIST } = require('./differential/deviations');
const { scenarios } = require('./differential/scenarios');
const { addition } = require('./support/library');
const { startService } = require('./support/server');

const numbers = Object.keys(LIST);

test('the documented table of deviations has the rows of the list in code', () => {
  const page = fs.readFileSync(path.join(__dirname, '../docs/compatibility.md'), 'utf8');
  const [, section] = page.split('\n## Deviations\n');
  const rows = [...section.split('\n## ')[0].matchAll(/^\| (\d+) \|/gm)];
  expect(rows.map(([, number]) => number)).toEqual(numbers);
});

test('every deviation has a test of its own or is met by the differential suite', () => {
  const met = new Set(DEVIATIONS.map(({ number }) => String(number)));
  for (const { write } of scenarios) {
    const { deviation } = write('x');
    if (deviation) met.add(String(deviation.number));
  }
  for (const name of fs.readdirSync(__dirname).filter((file) => file.endsWith('.test.js'))) {
    const text = fs.readFileSync(path.join(__dirname, name), 'utf8');
    for (const [, number] of text.matchAll(/\b(?:deviation|survival)\(\s*(\d+),/g)) met.add(number);
    for (const [, number] of text.matchAll(/'.*\(deviation (\d+)\)'/g)) met.add(number);
  }
  met.delete('fault');
  expect([...met].sort((a, b) => a - b)).toEqual(numbers);
});

addition('a request behind a waiting poll is handled after it (deviation 11)', async () => {
  const server = await startService('takeover', { heartbeat_delay: 100 });
  const session = server.session('/s');
  await server.post(`${session}/xhr`);
  const connection = server.connect();
  connection.send('POST', `${session}/xhr`);
  connection.send('POST', `${session}/xhr_send`, { body: '["late"]' });
  expect(await (await connection.response()).rest()).toBe('h\n');
  expect((await connection.response()).status).toBe(204);
  connection.abort();
});
