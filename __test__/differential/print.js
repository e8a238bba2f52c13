'use strict';

/** Characters after which a value is cut. */
const MAX_LENGTH = 600;

/** @returns {string} the value as JSON, cut if it is long */
function brief(value) {
  const text = value === undefined ? 'undefined' : JSON.stringify(value);
  return text.length > MAX_LENGTH ? `${text.slice(0, MAX_LENGTH)}…` : text;
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
 * @param {string} name
 * @param {import('./runner').Outcome} outcome
 * @param {{replay: string}} options the command that repeats the case
 * @returns {string} the steps and the differences, a line each
 */
function describeOutcome(name, { script, differences }, { replay }) {
  return [
    `\n=== case ${name}`,
    ...describeSteps(script).map((step) => `  ${step}`),
    ...differences.map(
      ({ path, oracle, ours }) =>
        `  - ${path}\n      sockjs:    ${brief(oracle)}\n      sockjs-rs: ${brief(ours)}`,
    ),
    `  replay: ${replay}`,
  ].join('\n');
}

module.exports = { describeOutcome };
