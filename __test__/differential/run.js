'use strict';

/*
 * npm run test:differential -- [--cases N] [--seed S] [--case K] [--ingress takeover|bridge] [--parallel N]
 *   [--shrink] [--print]
 *
 * Compares sockjs-rs with sockjs 0.3.24: the named scenarios and N random cases, or only the case of --case.
 * --shrink looks for a smaller script that differs too; --print shows the results of both libraries.
 */

const { parseArgs } = require('node:util');

const { DifferentialRunner } = require('./runner');
const { generate } = require('./generate');
const { describeOutcome } = require('./print');
const { scenarios } = require('./scenarios');
const { shrink } = require('./shrink');

const OPTIONS = {
  cases: { type: 'string', default: '1000' },
  seed: { type: 'string', default: '1' },
  case: { type: 'string' },
  ingress: { type: 'string' },
  parallel: { type: 'string', default: '40' },
  shrink: { type: 'boolean' },
  print: { type: 'boolean' },
};

/** @returns {{name: string, write: (id: string) => import('./script').Script}[]} */
function chooseCases(options) {
  const random = (number) => ({
    name: String(number),
    write: (id) => generate(id, Number(options.seed), number),
  });
  const named = scenarios.map(({ name, write }) => ({ name, write }));
  if (options.case !== undefined) {
    const found = named.filter(({ name }) => name === options.case);
    return found.length > 0 ? found : [random(Number(options.case))];
  }
  return [...named, ...Array.from({ length: Number(options.cases) }, (_, n) => random(n))];
}

async function runIngress(ingress, options) {
  const cases = chooseCases(options);
  const runner = new DifferentialRunner(ingress);
  const begun = Date.now();
  let timeouts = 0;
  let done = 0;
  const { failures, flaky, deviations, uncaught } = await runner.playAll(cases, {
    parallel: Number(options.parallel),
    onOutcome: (name, outcome) => {
      done++;
      if (outcome.both.oracle.timedOut.length > 0) {
        timeouts++;
        if (options.print) console.log(`case ${name}: a wait timed out`);
      }
      if (done % 1000 === 0) console.log(`${ingress}: ${done} of ${cases.length} cases`);
      if (options.print && cases.length === 1) console.log(JSON.stringify(outcome.both, null, 1));
    },
  });
  const replay = (name) =>
    `node __test__/differential/run.js --ingress ${ingress} --seed ${options.seed} --case ${name}`;
  for (const [name, outcome] of failures) {
    const { write } = cases.find((one) => one.name === name);
    const smallest = options.shrink ? await shrink(runner, write, name, outcome) : outcome;
    console.log(describeOutcome(name, smallest, { replay: replay(name) }));
  }
  for (const [name, outcome] of flaky) {
    const note = `${replay(name)} (differed once, not again)`;
    console.log(describeOutcome(name, outcome, { replay: note }));
  }
  for (const line of uncaught) console.log(`\n=== uncaught in sockjs-rs: ${line}`);
  runner.stop();
  const seconds = Math.round((Date.now() - begun) / 100) / 10;
  const met = [...deviations].map(([number, count]) => `${number}: ${count}`).join(', ');
  console.log(
    `${ingress}: ${cases.length} cases in ${seconds} s, ${failures.size} differ, ` +
      `${flaky.size} differed only once; waits timed out in ${timeouts}; deviations: ${met || 'none'}; ` +
      `crashes: sockjs ${runner.oracle.crashes}, sockjs-rs ${runner.ours.crashes}`,
  );
  return failures.size + uncaught.size + runner.ours.crashes;
}

async function main() {
  const { values: options } = parseArgs({ options: OPTIONS });
  const ingresses = options.ingress ? [options.ingress] : ['takeover', 'bridge'];
  let failures = 0;
  // Both ingresses run at the same time, because the cases wait most of the time.
  for (const failed of await Promise.all(
    ingresses.map((ingress) => runIngress(ingress, options)),
  )) {
    failures += failed;
  }
  process.exitCode = failures > 0 ? 1 : 0;
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
