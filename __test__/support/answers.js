'use strict';

/**
 * Lets a child process answer what its parent asks with `Child.ask`.
 *
 * @param {Record<string, (value: any) => unknown>} answers by the name of the question
 */
function answerParent(answers) {
  process.on('message', async ({ number, question, value }) => {
    if (!question) return;
    const answer = await answers[question](value);
    // The parent may have ended meanwhile.
    if (process.connected) process.send({ number, answer });
  });
}

module.exports = { answerParent };
