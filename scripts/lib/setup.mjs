import { existsSync } from "node:fs";
import path from "node:path";
import { installNodePackages, linkCommand, readNodeState } from "./node-packages.mjs";
import { checkPlatform, thisMachine } from "./platform.mjs";
import { findPython } from "./python.mjs";
import { makeEnvironment, readEnvironmentState } from "./python-environment.mjs";
import { SetupError } from "./setup-error.mjs";
import { takeSetupLock } from "./setup-lock.mjs";
import { reasonForEnvironment, reasonForPackages } from "./setup-state.mjs";
import { Steps } from "./steps.mjs";

const endingSignals = ["SIGINT", "SIGTERM", "SIGHUP"];

/**
 * Makes a checkout ready to run: Node packages in node_modules (with the Node that runs sctir), Python packages in
 * .venv. Does only what is missing; may be interrupted anywhere, and started twice at once. Throws a SetupError.
 *
 * @param {string} root the checkout
 * @returns {Promise<boolean>} whether anything had to be done
 */
export async function setUp(root, steps = new Steps()) {
  if (!isAnythingMissing(whatIsMissing(root))) return false;
  checkPlatform(thisMachine());

  const giveBack = await takeSetupLock(path.join(root, ".sctir-setup-lock.tmp"), (owner) => {
    steps.say(`  waiting for another set-up of this folder${owner ? ` (process ${owner.pid} on ${owner.host})` : ""}`);
  });
  const stop = new AbortController();
  let interrupted = false;
  const onSignal = () => {
    interrupted = true;
    stop.abort();
  };
  for (const signal of endingSignals) process.on(signal, onSignal);
  try {
    const missing = whatIsMissing(root); // again: the other set-up may have done it
    // Asked before the long download, because the user may have to install one.
    const python = missing.environment ? findPython({ named: process.env.SCTIR_BASE_PYTHON }) : undefined;

    const work = [];
    if (missing.packages) {
      work.push(steps.run(`Node packages: ${missing.packages}`, () => installNodePackages(root, stop.signal)));
    }
    if (python) {
      const title = `Python packages: ${missing.environment}; ${python.command} is ${python.version}`;
      work.push(steps.run(title, () => makeEnvironment(root, python, stop.signal)));
    }
    /** @type {unknown[]} */
    const failures = [];
    await Promise.all(
      work.map((done) =>
        done.catch((error) => {
          failures.push(error);
          stop.abort(); // the other step
        }),
      ),
    );
    if (interrupted) {
      throw new SetupError("The set-up was interrupted.", "Run it again: what is unfinished is made anew.", 130);
    }
    if (failures.length > 0) throw failures[0];
    linkCommand(root);
    return true;
  } finally {
    for (const signal of endingSignals) process.removeListener(signal, onSignal);
    giveBack();
  }
}

/** @param {ReturnType<typeof whatIsMissing>} missing */
function isAnythingMissing({ packages, environment, command }) {
  return Boolean(packages || environment || command);
}

/**
 * The reasons why something has to be done, each undefined where nothing has.
 *
 * @param {string} root
 */
export function whatIsMissing(root) {
  for (const file of ["package-lock.json", "requirements.txt"]) {
    if (!existsSync(path.join(root, file))) {
      throw new SetupError(`There is no ${file} in ${root}.`, "This is not a whole checkout of sctir: clone it again.");
    }
  }
  return {
    packages: reasonForPackages(readNodeState(root)),
    environment: reasonForEnvironment(readEnvironmentState(root)),
    command: existsSync(path.join(root, "node_modules/.bin/sctir")) ? undefined : "not linked",
  };
}
