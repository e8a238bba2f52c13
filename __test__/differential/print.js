'use strict';

const MOST = 600;

/** @returns {string} a value on one line that is not too long */
function brief(value) {
  const text = value === undefined ? 'undefined' : JSON.stringify(value);
  return text.length > MOST ? `${text.slice(0, MOST)}…` : text;
}

/** @param {import('./script').Script} script */
function describeSteps({ steps }) {
  return steps.map((step) => {
    if (step.do !== 'send') {
      return `${step.do} ${[step.on, step.what, step.value].filter((word) => word !== undefined).join(' ')}`;
    }
    const cuts = step.cuts.length > 0 ? ` (cut at ${step.cuts.join()})` : '';
    const server = step.server ? ` to server ${step.server}` : '';
    const label = step.label ? `${step.label} = ` : '';
    return `send ${step.on}${server}${cuts} ${label}${brief(step.bytes.toString('latin1'))}`;
  });
}

/**
 * Prints a case that differs.
 *
 * @param {string} name
 * @param {import('./arena').Outcome} outcome
 * @param {{replay?: string}} options
 */
function printOutcome(name, { script, differences, both }, { replay }) {
  console.log(`\n=== case ${name}`);
  for (const step of describeSteps(script)) console.log(`  ${step}`);
  if (!replay) {
    console.log(JSON.stringify(both, null, 1));
  }
  for (const { path, oracle, ours } of differences) {
    console.log(`  - ${path}\n      sockjs:    ${brief(oracle)}\n      sockjs-rs: ${brief(ours)}`);
  }
  if (replay) console.log(`  replay: ${replay}`);
}

module.exports = { brief, describeSteps, printOutcome };
