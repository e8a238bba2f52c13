'use strict';

/* global SockJS, makeMessages */

/** The page's side of the transport tests, called from them by `page.evaluate`. */

/** The session under test: SockJS, or a plain WebSocket for `websocket-raw`. */
let socket;
/** Messages received and not yet asked for, and who waits for the next one. */
let received = [];
let wake = () => {};
/** Resolves with the session's close event. */
let ending;

/**
 * @param {string} url of the service
 * @param {string} [transport] a name that sockjs-client knows or `websocket-raw`; none: automatic
 * @returns {Promise<{transport?: string, code?: number, reason?: string}>} the transport in use once
 *   the session is open, or the code and reason with which the attempt ended
 */
function openSession(url, transport) {
  received = [];
  socket =
    transport === 'websocket-raw'
      ? new WebSocket(`${url.replace(/^http/, 'ws')}/websocket`)
      : new SockJS(url, null, { transports: transport, timeout: 15000 });
  ending = new Promise((resolve) => {
    socket.onclose = ({ code, reason, wasClean }) => resolve({ code, reason, wasClean });
  });
  socket.onmessage = ({ data }) => {
    received.push(data);
    wake();
  };
  const opened = new Promise((resolve) => {
    socket.onopen = () => resolve({ transport: socket.transport || transport });
  });
  return Promise.race([opened, ending]);
}

/** @returns {Promise<string>} the next message; rejects when the session closes before it comes */
async function nextMessage() {
  const fail = ending.then(({ code, reason }) => {
    throw new Error(`closed with ${code} ${reason}`);
  });
  while (received.length === 0) {
    await Promise.race([fail, new Promise((resolve) => (wake = resolve))]);
  }
  return received.shift();
}

/**
 * Sends the fifty messages, thirty at once and the others each after the echo of the one before.
 *
 * @param {object} [what] see `makeMessages`
 * @returns {Promise<string[]>} what came back changed; empty when all is well
 */
async function echoMessages(what) {
  const messages = makeMessages(what);
  const faults = [];
  const shown = (text) => JSON.stringify(text).slice(0, 60);
  const check = async (index) => {
    const echo = await nextMessage();
    if (echo !== messages[index]) {
      faults.push(`${index}: ${shown(messages[index])} → ${shown(echo)}`);
    }
  };
  for (let i = 0; i < 30; i++) socket.send(messages[i]);
  for (let i = 0; i < 30; i++) await check(i);
  for (let i = 30; i < messages.length; i++) {
    socket.send(messages[i]);
    await check(i);
  }
  return faults;
}

/** @returns {Promise<{code: number, reason: string, wasClean: boolean}>} the close event */
function closeSession() {
  socket.close();
  return ending;
}

/** @returns {Promise<{code: number, reason: string, wasClean: boolean}>} the close event, when it comes */
function sessionClosed() {
  return ending;
}
