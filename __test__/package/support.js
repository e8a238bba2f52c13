'use strict';

/**
 * @file A new user's machine: an application's folder, an empty home, and a PATH with Node, package
 * managers and a shell, but without Rust.
 */

const assert = require('node:assert/strict');
const { spawn } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const { LISTENING, page, pageScript } = require('./quick-start');
const { PROGRAMS, tool } = require('./tools');

/** Environment variables that the machine may need to reach the real registry. */
const NETWORK = /^(NODE_EXTRA_CA_CERTS|SSL_CERT_(FILE|DIR)|(https?|no|all)_proxy)$/i;

/** Milliseconds after which a program is killed. */
const TIMEOUT_MS = 480_000;

class Machine {
  /**
   * @param {import('node:test').TestContext} t the end of the test removes the machine
   * @param {string} registry
   * @param {string} [node] path of Node; by default the one that runs the test
   */
  constructor(t, registry, node = process.execPath) {
    this.t = t;
    const root = fs.mkdtempSync(path.join(os.tmpdir(), 'sockjs-rs-user-'));
    t.after(() => fs.rmSync(root, { recursive: true, force: true, maxRetries: 5 }));
    const [home, bin, app] = ['home', 'bin', 'app'].map((name) => path.join(root, name));
    for (const folder of [home, bin, app]) fs.mkdirSync(folder);
    this.app = app;
    fs.symlinkSync(node, path.join(bin, 'node'));
    fs.symlinkSync('/bin/sh', path.join(bin, 'sh'));
    this.bin = bin;
    for (const [name, script] of Object.entries(PROGRAMS)) {
      this.program(name, `exec node '${tool(script)}' "$@"`);
    }
    const network = Object.entries(process.env).filter(([name]) => NETWORK.test(name));
    this.env = { ...Object.fromEntries(network), CI: 'true', HOME: home, PATH: bin, TMPDIR: root };
    // For root, Yarn 1 has its cache outside of the home.
    this.env.YARN_CACHE_FOLDER = path.join(root, 'yarn');
    this.write('package.json', '{ "name": "app", "version": "1.0.0", "private": true }\n');
    this.write('.npmrc', `registry=${registry}/\naudit=false\nfund=false\nupdate-notifier=false\n`);
    this.write(
      '.yarnrc.yml',
      [
        `npmRegistryServer: ${registry}`,
        'unsafeHttpWhitelist: ["127.0.0.1"]',
        'enableGlobalCache: false',
        'enableTelemetry: false',
        'enableImmutableInstalls: false',
      ].join('\n'),
    );
  }

  /** Puts a shell script on the PATH. */
  program(name, script) {
    fs.writeFileSync(path.join(this.bin, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  }

  /** Writes a file of the application. */
  write(file, text) {
    fs.writeFileSync(path.join(this.app, file), text);
  }

  /** Adds a line to a file of the application. */
  append(file, line) {
    fs.appendFileSync(path.join(this.app, file), `\n${line}\n`);
  }

  /** @returns {boolean} whether the application has this file or folder */
  has(file) {
    return fs.existsSync(path.join(this.app, file));
  }

  /** Starts a program in the application's folder. */
  start(command, args, env = {}) {
    const child = spawn(command, args, {
      cwd: this.app,
      env: { ...this.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: TIMEOUT_MS,
    });
    child.output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => (child.output += text));
    }
    return child;
  }

  /** @returns {Promise<{ code: number | string, output: string }>} exit code or signal, and all output */
  async result(command, args, env) {
    const child = this.start(command, args, env);
    const [code, signal] = await once(child, 'close');
    return { code: code ?? signal, output: child.output };
  }

  /** @returns {Promise<string>} the output of a program, which must succeed */
  async run(command, args, env) {
    const { code, output } = await this.result(command, args, env);
    assert.equal(code, 0, `${command} ${args.join(' ')} in an empty folder:\n${output}`);
    return output;
  }

  /**
   * Runs a server of README, and a conversation of sockjs-client with it.
   *
   * @param {string[]} args of Node
   * @param {{ withPage?: boolean, node?: string[] }} [options] whether the server serves the page; the
   *   command that runs Node
   */
  async converse(args, { withPage = false, node = ['node'] } = {}) {
    const [program, ...before] = node;
    this.write('index.html', page());
    this.write('page.js', pageScript());
    fs.copyFileSync(path.join(__dirname, 'fixtures/client.js'), path.join(this.app, 'client.cjs'));
    const server = this.start(program, [...before, ...args]);
    try {
      const [, port] = await printed(server, LISTENING);
      const output = await this.run(program, [...before, 'client.cjs', port, 'page.js']);
      assert.deepEqual(output.trim().split('\n'), [
        'page',
        'websocket',
        'xhr-streaming',
        'xhr-polling',
      ]);
      if (withPage) await servesPage(port);
      await printed(server, ALL_GONE);
    } finally {
      if (server.exitCode === null) {
        server.kill();
        await once(server, 'close');
      }
    }
  }

  /** @returns {Promise<{ code: string, message: string } | null>} the error of `require(name)` */
  async requireError(name = 'sockjs-rs', env = {}) {
    const script = `try { require('${name}'); console.log(null) }
      catch ({ code, message }) { console.log(JSON.stringify({ code, message })) }`;
    return JSON.parse(await this.run('node', ['-e', script], env));
  }
}

/** What README's servers print when the clients of fixtures/client.js have disconnected. */
const ALL_GONE = /(^gone: [0-9a-f-]{36}$[^]*){4}/m;

/** @returns {Promise<RegExpExecArray>} the match, when the output of a program matches */
async function printed(child, expected) {
  return new Promise((resolve, reject) => {
    const look = () => {
      const match = expected.exec(child.output);
      if (match) resolve(match);
    };
    child.stdout.on('data', look);
    child.on('close', () =>
      reject(new Error(`the program ended without ${expected}:\n${child.output}`)),
    );
    look();
  });
}

async function servesPage(port) {
  const get = async (url) => (await fetch(`http://127.0.0.1:${port}${url}`)).text();
  assert.equal(await get('/'), page());
  assert.match(await get('/sockjs.min.js'), /^\/\* sockjs-client v1/);
}

module.exports = { Machine };
