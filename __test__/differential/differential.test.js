'use strict';

const { Arena } = require('./arena');
const { generate } = require('./generate');
const { describeOutcome } = require('./print');
const { scenarios } = require('./scenarios');

const SEED = 1;
const CASES = 200;

/** Fails with everything that is known about the cases that differ. */
async function expectNoDifference(door, cases) {
  const arena = new Arena(door);
  try {
    const { failures, uncaught } = await arena.playAll(cases);
    const replay = (name) =>
      `node __test__/differential/run.js --door ${door} --seed ${SEED} --case ${name}`;
    const said = [...failures].map(([name, outcome]) =>
      describeOutcome(name, outcome, { replay: replay(name) }),
    );
    expect(said.join('\n')).toBe('');
    expect([...uncaught]).toEqual([]);
    expect(arena.ours.deaths).toBe(0);
  } finally {
    arena.stop();
  }
}

const random = Array.from({ length: CASES }, (_, number) => ({
  name: String(number),
  write: (id) => generate(id, SEED, number),
}));

// They wait more than they compute: all at once.
describe.each(['takeover', 'bridge'])('sockjs-rs beside sockjs 0.3.24 (%s)', (door) => {
  test.concurrent(
    'does the same in all named scenarios',
    () => expectNoDifference(door, scenarios),
    120_000,
  );

  test.concurrent(
    `does the same in ${CASES} random cases`,
    () => expectNoDifference(door, random),
    120_000,
  );
});
