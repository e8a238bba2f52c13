'use strict';

/**
 * @file `npm run soak -- --minutes N`: a mixture of all transports in cycles. At the end of each, all
 * sessions end but a few websockets that stay. The server must then use no more than after the first cycle.
 */

const { setTimeout: delay } = require('node:timers/promises');

const { within } = require('../support/wait');
const { numbers, start } = require('./lib/command');
const { cpuSeconds, descriptors, growth, mebibytes, sample } = require('./lib/sample');

/** Milliseconds in which sessions come and go in one cycle. */
const CYCLE_MS = 30_000;
/** Milliseconds in which all sessions must end after a cycle, `disconnect_delay` included. */
const QUIESCE_MS = 30_000;
/** Milliseconds after which a client gives up a wait: no healthy one waits so long. */
const TIMEOUT_MS = 30_000;
/** Violations that are shown in full. */
const SHOWN = 10;

/** @param {string[]} args */
async function steady(args) {
  const options = numbers(args, {
    minutes: 10,
    seed: Date.now() % 1_000_000,
    sessions: 40,
    processes: 1,
    'io-threads': 1,
  });
  const soak = new Soak(options);
  let interrupted = 0;
  process.on('SIGINT', () => {
    if (++interrupted > 1) process.exit(130);
    console.log('— ending; once more to end at once');
    soak.interrupt();
  });
  return soak.run();
}

class Soak {
  constructor(options) {
    this.options = options;
    this.violations = [];
    /** What the server used at the end of each cycle. */
    this.samples = [];
    this.peak = { rss: 0, descriptors: 0 };
    this.interrupted = new AbortController();
  }

  interrupt() {
    this.interrupted.abort();
  }

  async run() {
    const { minutes, seed, sessions, processes, 'io-threads': ioThreads } = this.options;
    const title = `soak: ${minutes} min, ${processes} × ${sessions} sessions at a time`;
    console.log(`${title}, ${ioThreads} I/O threads, --seed ${seed}`);
    const onMessage = (message) => this.hear(message);
    this.server = start(
      'server.js',
      { SOAK_SEED: seed, SOAK_IO_THREADS: ioThreads },
      { execArgv: ['--expose-gc'], onMessage },
    );
    const ports = await this.server.ask('ports');
    this.clients = Array.from({ length: processes }, (_, index) =>
      start(
        'clients.js',
        {
          SOAK_SEED: seed,
          SOAK_SESSIONS: sessions,
          SOAK_PROCESS: index,
          SOAK_TAKEOVER: ports.takeover,
          SOAK_BRIDGE: ports.bridge,
          TEST_TIMEOUT_MS: TIMEOUT_MS,
        },
        { onMessage },
      ),
    );
    await Promise.all(this.clients.map((client) => client.ask('settle')));
    const watch = setInterval(() => this.look(), 500);
    const begun = Date.now();
    const end = begun + minutes * 60_000;
    const cycle = Math.min(CYCLE_MS, (minutes * 60_000) / 6);
    try {
      while (Date.now() < end && !this.interrupted.signal.aborted) {
        await this.cycle(Math.min(cycle, end - Date.now()));
        if (this.violations.length > SHOWN) break;
      }
      await this.finish();
    } catch (error) {
      this.violate({ name: '?', side: 'soak', what: error.stack });
    }
    clearInterval(watch);
    return this.summary((Date.now() - begun) / 1000);
  }

  hear(message) {
    if (message.violation) this.violate(message.violation);
  }

  violate(violation) {
    this.violations.push(violation);
    if (this.violations.length > SHOWN && violation.side !== 'soak') return;
    console.log(`VIOLATION ${JSON.stringify(violation, null, 2)}`);
    // The other side's view of it.
    if (violation.side === 'client') {
      this.server.ask('session', violation.name).then(
        (session) => console.log(`the server's side of ${violation.name}:`, session),
        () => {},
      );
    }
  }

  /** Measures the server while it works. */
  look() {
    if (this.server.status) return;
    const { rss, descriptors: open } = sample(this.server.pid);
    this.peak.rss = Math.max(this.peak.rss, rss);
    this.peak.descriptors = Math.max(this.peak.descriptors, open);
  }

  /** Sessions come and go; when all have ended, the server is measured. */
  async cycle(milliseconds) {
    const cpu = cpuSeconds(this.server.pid);
    const begun = Date.now();
    for (const client of this.clients) client.send({ order: 'flow' });
    await delay(milliseconds, undefined, this.interrupted).catch(() => {});
    const used = (cpuSeconds(this.server.pid) - cpu) / ((Date.now() - begun) / 1000);
    // A session whose client waits in vain ends by its timeout.
    const quiet = Promise.all(this.clients.map((client) => client.ask('quiesce')));
    this.totals = await within(quiet, 2 * TIMEOUT_MS + QUIESCE_MS, 'the clients do not end').catch(
      (error) => this.stuck(error),
    );
    const report = await this.calm();
    this.samples.push({ ...sample(this.server.pid), ...report });
    this.progress(used);
  }

  /** Says which sessions do not end. */
  async stuck(error) {
    for (const client of this.clients) {
      for (const state of await client.ask('active')) {
        this.violate({ name: state.plan.name, side: 'client', what: 'it does not end', state });
      }
    }
    throw error;
  }

  /** Waits until the server uses no more than after the first cycle; reports it if it does. */
  async calm() {
    const residents = this.clients.length * 8;
    const until = Date.now() + QUIESCE_MS;
    const first = this.samples[0];
    for (;;) {
      const report = await this.server.ask('report');
      const { threads, descriptors: open } = sample(this.server.pid);
      const alive = report.opened - report.closed;
      const over = alive === residents && report.thrown === report.caught;
      if (over && (!first || (open <= first.descriptors && threads <= first.threads))) {
        return report;
      }
      if (Date.now() > until) {
        this.violate({
          name: '?',
          side: 'soak',
          what: 'the server is not back where it was',
          state: { report, residents, open, threads, first, kinds: descriptors(this.server.pid) },
        });
        return report;
      }
      await delay(200);
    }
  }

  /** The sums over all client processes. */
  sums() {
    const sums = {};
    for (const { counts, transports } of this.totals ?? []) {
      for (const [name, value] of Object.entries({ ...counts, ...transports })) {
        sums[name] =
          name === 'largest' || name === 'stall'
            ? Math.max(value, sums[name] ?? 0)
            : (sums[name] ?? 0) + value;
      }
    }
    return sums;
  }

  progress(used) {
    const now = this.samples.at(-1);
    const sums = this.sums();
    const time = new Date().toISOString().slice(11, 19);
    console.log(
      `${time} sessions ${sums.sessions} noise ${sums.noises} messages ${sums.received + sums.sent}`,
      `violations ${this.violations.length} | rss ${mebibytes(now.rss)} data ${mebibytes(now.data)}`,
      `heap ${mebibytes(now.heapUsed)} external ${mebibytes(now.external)} MiB`,
      `stalls ${sums.stall}/${now.stall} ms descriptors ${now.descriptors} threads ${now.threads} cpu ${Math.round(used * 100)} %`,
    );
  }

  /** The clients leave, the servers close, and the process has to end by itself. */
  async finish() {
    this.report = await this.server.ask('report');
    for (const client of this.clients) client.send({ order: 'leave' });
    await Promise.all(this.clients.map((client) => client.exit()));
    this.server.send({ order: 'stop' });
    const exited = await this.server.exit(QUIESCE_MS);
    if (exited.code !== 0 || this.server.errors !== '') {
      const what = `the server ended with ${exited.signal ?? exited.code}: ${this.server.errors}`;
      this.violate({ name: '?', side: 'soak', what });
    }
  }

  /** @returns {boolean} whether all was well */
  summary(seconds) {
    const sums = this.sums();
    console.log(
      `\n${(seconds / 60).toFixed(1)} min, ${this.samples.length} cycles. Of the clients:`,
    );
    console.log(sums);
    console.log('Of the server:', this.report);
    const [first, last] = [this.samples[0], this.samples.at(-1)];
    if (first) {
      const line = (name) => `${name} ${first[name]} → ${last[name]}`;
      console.log(`${line('descriptors')}, ${line('threads')} (first cycle → last)`);
      console.log(
        `peak: ${this.peak.descriptors} descriptors, rss ${mebibytes(this.peak.rss)} MiB`,
      );
    }
    for (const { name, before, after, grows } of growth(this.samples)) {
      const verdict = grows ? 'GROWS' : 'flat';
      console.log(`${name}: ${mebibytes(before)} → ${mebibytes(after)} MiB, ${verdict}`);
      if (grows) this.violations.push({ name, what: 'grows' });
    }
    const unheard = ['heartbeats', 'foreign', 'noises'].filter((name) => !(sums[name] > 0));
    const missing = this.options.minutes >= 1 ? unheard : [];
    if (missing.length > 0) this.violations.push({ what: `nothing of ${missing}` });
    if (missing.length > 0) console.log(`there were no ${missing.join(', no ')}`);
    console.log(
      this.violations.length === 0 ? 'no violation' : `${this.violations.length} VIOLATIONS`,
    );
    return this.violations.length === 0;
  }
}

module.exports = { steady };
