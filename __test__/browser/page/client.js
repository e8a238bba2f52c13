'use strict';

/* global SockJS, makeMessages */

/** Functions that the transport tests call in the page, with `page.evaluate`. */

/** The session under test: SockJS, or a plain WebSocket for `websocket-raw`. */
let socket;
/** Messages that `nextMessage` has not returned yet. */
let received = [];
/** Resumes a waiting `nextMessage`. */
let wake = () => {};
/** Resolves with the session's close event. */
let closing;

/**
 * @param {string} url of the service
 * @param {string} [transport] as sockjs-client names it, or `websocket-raw`; sockjs-client selects one
 *   by default
 * @returns {Promise<{transport?: string, code?: number, reason?: string, wasClean?: boolean}>} the
 *   transport of the open session, or the close event of a session that does not open
 */
function openSession(url, transport) {
  received = [];
  socket =
    transport === 'websocket-raw'
      ? new WebSocket(`${url.replace(/^http/, 'ws')}/websocket`)
      : new SockJS(url, null, { transports: transport, timeout: 15000 });
  closing = new Promise((resolve) => {
    socket.onclose = ({ code, reason, wasClean }) => resolve({ code, reason, wasClean });
  });
  socket.onmessage = ({ data }) => {
    received.push(data);
    wake();
  };
  const opened = new Promise((resolve) => {
    socket.onopen = () => resolve({ transport: socket.transport || transport });
  });
  return Promise.race([opened, closing]);
}

/** @returns {Promise<string>} the next message; rejects if the session closes first */
async function nextMessage() {
  const fail = closing.then(({ code, reason }) => {
    throw new Error(`closed with ${code} ${reason}`);
  });
  while (received.length === 0) {
    await Promise.race([fail, new Promise((resolve) => (wake = resolve))]);
  }
  return received.shift();
}

/**
 * Sends the fifty messages: thirty at once, then each of the others after the previous echo.
 *
 * @param {object} [what] see `makeMessages`
 * @returns {Promise<string[]>} a description of each message that came back changed
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
  return closing;
}

/** @returns {Promise<{code: number, reason: string, wasClean: boolean}>} the close event, when it comes */
function sessionClosed() {
  return closing;
}
