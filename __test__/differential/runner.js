'use strict';

const path = require('path');
const { differences } = require('./compare');
const { allowed } = require('./deviations');
const { play } = require('./play');
const { Subject } = require('./subject');

/**
 * The result of a case.
 *
 * @typedef {object} Outcome
 * @property {import('./script').Script} script
 * @property {import('./compare').Difference[]} differences that no deviation allows
 * @property {Set<number | string>} deviations that allow the other differences
 * @property {{oracle: any, ours: any}} both
 */

/** Plays cases on both libraries and compares the results. */
class DifferentialRunner {
  #attempts = 0;

  /** @param {string} ingress 'takeover' or 'bridge' */
  constructor(ingress) {
    const env = { SOCKJS_RS_DOOR: ingress === 'bridge' ? 'bridge' : '' };
    this.oracle = new Subject('sockjs', require.resolve('sockjs'), {});
    this.ours = new Subject('sockjs-rs', path.join(__dirname, '..', '..'), env);
  }

  /**
   * Plays one case on both.
   *
   * @param {(id: string) => import('./script').Script} write
   * @param {string} name letters and digits
   * @param {boolean} [isAlone]
   * @returns {Promise<{outcome: Promise<Outcome>}>} after the last step; `outcome` follows when the sessions of
   *   the case have ended
   */
  async play(write, name, isAlone = false) {
    const script = write(`case-${name}x${(this.#attempts++).toString(36)}`);
    const [oracle, ours] = await Promise.all([play(this.oracle, script), play(this.ours, script)]);
    const outcome = Promise.all([oracle.observe(), ours.observe()]).then((observed) =>
      compare(script, observed[0], observed[1], isAlone),
    );
    return { outcome };
  }

  /**
   * Plays one case while no other is played, so that uncaught exceptions belong to it.
   *
   * @returns {Promise<Outcome>}
   */
  async alone(write, name) {
    const { outcome } = await this.play(write, name, true);
    return outcome;
  }

  /**
   * Plays many cases, several at a time. Cases that differ are played again.
   *
   * @param {{name: string, write: (id: string) => import('./script').Script}[]} cases
   * @param {object} [options]
   * @param {number} [options.parallel]
   * @param {(name: string, outcome: Outcome) => void} [options.onOutcome]
   * @returns {Promise<{failures: Map<string, Outcome>, flaky: Map<string, Outcome>, deviations: Map<number | string, number>, uncaught: Set<string>}>}
   */
  async playAll(cases, { parallel = 20, onOutcome } = {}) {
    const queue = cases.values();
    const suspects = [];
    const pending = [];
    const deviations = new Map();
    /** Uncaught exceptions in sockjs-rs, of any case. @type {Set<string>} */
    const uncaught = new Set();
    const collect = (one, outcome) => {
      onOutcome?.(one.name, outcome);
      for (const met of outcome.deviations) deviations.set(met, (deviations.get(met) ?? 0) + 1);
      for (const line of outcome.both.ours.uncaught ?? []) uncaught.add(line);
      if (outcome.differences.length > 0) suspects.push({ ...one, first: outcome });
    };
    const worker = async () => {
      for (const one of queue) {
        const { outcome } = await this.play(one.write, one.name);
        pending.push(outcome.then((result) => collect(one, result)));
      }
    };
    await Promise.all(Array.from({ length: parallel }, worker));
    await Promise.all(pending);
    const failures = new Map();
    const flaky = new Map();
    const playAgain = async ({ name, write, first }) => {
      const second = await this.alone(write, name);
      for (const met of second.deviations) deviations.set(met, (deviations.get(met) ?? 0) + 1);
      if (second.differences.length > 0) failures.set(name, second);
      else if (!isOnlyCrash(first) && !second.both.oracle.uncaught?.length) flaky.set(name, first);
    };
    const hasCrash = ({ first }) => first.differences.some(({ path: where }) => CRASH.test(where));
    const others = suspects.filter((suspect) => !hasCrash(suspect)).values();
    const repeat = async () => {
      for (const suspect of others) await playAgain(suspect);
    };
    await Promise.all(Array.from({ length: 8 }, repeat));
    // Only when no other case is played, a crash is known to belong to the case.
    for (const [name, outcome] of [...failures]) {
      if (!hasCrash({ first: outcome })) continue;
      failures.delete(name);
      await playAgain({ ...cases.find((one) => one.name === name), first: outcome });
    }
    for (const suspect of suspects.filter(hasCrash)) await playAgain(suspect);
    return { failures, flaky, deviations, uncaught };
  }

  stop() {
    this.oracle.stop();
    this.ours.stop();
  }
}

/** Paths of differences that another case, played at the same time, may have caused. */
const CRASH = /^(?:uncaught|crashed)\b/;

/** Whether a case has no other differences. */
function isOnlyCrash({ differences: found }) {
  return found.every(({ path: where }) => CRASH.test(where));
}

/** @returns {Outcome} */
function compare(script, oracle, ours, isAlone) {
  const both = { oracle, ours };
  const deviations = new Set();
  const found = differences(oracle, ours).filter((difference) => {
    const deviation = allowed(difference, { both, script, isAlone });
    if (deviation) deviations.add(deviation.number);
    return !deviation;
  });
  return { script, differences: found, deviations, both };
}

module.exports = { DifferentialRunner };
