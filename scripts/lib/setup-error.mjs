/** Something the person at the keyboard can mend. Printed as message and hint, without a stack. */
export class SetupError extends Error {
  /**
   * @param {string} message what is wrong
   * @param {string} hint what to do next; may have several lines
   * @param {number} exitCode
   */
  constructor(message, hint, exitCode = 1) {
    super(message);
    this.hint = hint;
    this.exitCode = exitCode;
  }
}

/**
 * Runs a script's main function; its result is the exit code.
 *
 * @param {() => Promise<number>} main
 */
export async function runScript(main) {
  try {
    process.exitCode = await main();
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    process.stderr.write(`\n${error.message}\n\n${error.hint}\n`);
    process.exitCode = error.exitCode;
  }
}
