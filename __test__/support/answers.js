'use strict';

/**
 * Lets a child process answer what its parent asks with `Child.ask`. A child whose parent has gone ends.
 *
 * @param {Record<string, (value: any) => unknown>} answers by the name of the question
 */
function answerParent(answers) {
  process.on('message', async ({ number, question, value }) => {
    const answer = await answers[question](value);
    // The parent may have gone meanwhile.
    if (process.connected) process.send({ number, answer });
  });
  process.on('disconnect', () => process.exit());
}

module.exports = { answerParent };
