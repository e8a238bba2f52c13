'use strict';

/*
 * A process that gets no more descriptors or threads from the system.
 */

const { execFileSync } = require('child_process');
const { serveFixture } = require('./support/child');
const { addition, ingresses } = require('./support/library');
const { every, open } = require('./support/transports');
const { encodeFrame, sendHandshake } = require('./support/websocket-client');

/** Descriptors or threads that are enough to serve. */
const ENOUGH = 250;

/** The user id of a child that would be root: a limit of threads does not apply to root. */
const NOBODY = 65534;

/**
 * Sets the soft limit of a process, as the user that it runs as.
 *
 * @param {import('./support/child').Child} child
 * @param {'nofile' | 'nproc'} resource
 * @param {number} soft
 * @param {number} uid
 */
function limit(child, resource, soft, uid = process.getuid()) {
  const { pid } = child.process;
  execFileSync('prlimit', ['--pid', String(pid), `--${resource}=${soft}:`], { uid });
}

/** A client for `open` that uses a connection which is already open. */
function over(connection, client) {
  return {
    session: (prefix) => client.session(prefix),
    connect: () => connection,
    handshake(target) {
      sendHandshake(connection, target);
      return connection;
    },
  };
}

// Only Linux has a program that sets the limits of another process.
(process.platform === 'linux' ? describe : describe.skip).each(ingresses)(
  'without resources, by the %s ingress',
  (ingress) => {
    addition.each([
      ['descriptors', 'nofile', /^ERR_SOCKJS_NO_RESOURCES .*Too many open files .*ulimit -n/],
      [
        'threads',
        'nproc',
        /^ERR_SOCKJS_NO_RESOURCES .*Resource temporarily unavailable .*ulimit -u/,
      ],
    ])(
      'installHandlers throws if no %s are left, and works later',
      async (_, resource, message) => {
        const { child, client } = await serveFixture(ingress, 'installs-late.js', {
          UNPRIVILEGED: String(NOBODY),
        });
        const uid = process.getuid() || NOBODY;
        limit(child, resource, 1, uid);
        child.process.kill('SIGUSR2');
        await child.line(message);
        await child.line(/^listeners 1$/);
        limit(child, resource, ENOUGH, uid);
        child.process.kill('SIGUSR2');
        await child.line(/^installed$/);
        expect((await client.get('/s/info')).status).toBe(200);
        expect((await client.get('/app')).body).toBe('app');
      },
    );

    test.each(every)(
      '%s is served if no descriptor is left to take the connection over',
      async (protocol, transport) => {
        const { child, client } = await serveFixture(ingress, 'installs-late.js', { SERVES: '1' });
        // The process has the connection already, and will have no descriptor for a duplicate.
        const connection = client.connect();
        await connection.request('GET', '/app');
        limit(child, 'nofile', 1);
        const { wire, session } = await open(over(connection, client), transport);
        limit(child, 'nofile', ENOUGH);
        if (transport.upgraded) {
          const payload = protocol === 'websocket' ? '["back"]' : 'back';
          wire.write(encodeFrame({ payload }));
        } else {
          if (transport.polls) connection.send(transport.method, session + transport.path);
          expect((await client.post(`${session}/xhr_send`, '["back"]')).status).toBe(204);
        }
        await wire.read(() => wire.buffer.includes('back') || undefined, 'the echo');
        expect(child.errors).toBe('');
        client.disconnect();
      },
    );
  },
);
