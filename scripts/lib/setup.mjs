import { existsSync } from "node:fs";
import path from "node:path";
import { installNodePackages, linkCommand, readNodeState } from "./node-packages.mjs";
import { checkPlatform, thisMachine } from "./platform.mjs";
import { findPython } from "./python.mjs";
import { makeEnvironment, readEnvironmentState, serverEnvironment } from "./python-environment.mjs";
import { SetupError } from "./setup-error.mjs";
import { takeSetupLock } from "./setup-lock.mjs";
import { reasonForEnvironment, reasonForPackages } from "./setup-state.mjs";
import { installStatisticsPackages, reasonForStatisticsPackages } from "./statistics-packages.mjs";
import { Steps } from "./steps.mjs";

const endingSignals = ["SIGINT", "SIGTERM", "SIGHUP"];

/**
 * Makes a checkout ready to run: Node packages in node_modules (with the Node that runs sctir), Python packages in
 * .venv. Does only what is missing; may be interrupted anywhere, and started twice at once. Throws a SetupError.
 *
 * @param {string} root the checkout
 * @param {{development?: boolean}} [options] whether to install packages that only tests and checks load
 * @returns {Promise<boolean>} whether anything had to be done
 */
export async function setUp(root, { development = false } = {}, steps = new Steps()) {
  if (!isAnythingMissing(whatIsMissing(root, development))) return false;
  checkPlatform(thisMachine());

  await alone(root, steps, async (stop) => {
    const missing = whatIsMissing(root, development); // again: the other set-up may have done it
    // Asked before the long download, because the user may have to install one.
    const python = missing.environment ? findPython({ named: process.env.SCTIR_BASE_PYTHON }) : undefined;

    const work = [];
    if (missing.packages) {
      const install = () => installNodePackages(root, development, stop.signal);
      work.push(steps.run(`Node packages: ${missing.packages}`, install));
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
    if (failures.length > 0) throw failures[0];
    linkCommand(root);
  });
  return true;
}

/**
 * Installs the packages that tests compare the statistics with, if need be. Without them those tests are skipped, so a
 * failure is told and no more. Throws a SetupError if interrupted.
 *
 * @param {string} root a checkout that `setUp` has been through
 */
export async function setUpStatistics(root, steps = new Steps()) {
  if (!reasonForStatisticsPackages(root)) return;
  await alone(root, steps, async (stop) => {
    const reason = reasonForStatisticsPackages(root); // again: the other set-up may have done it
    if (!reason) return;
    try {
      const title = `Python packages for tests of the statistics: ${reason}`;
      await steps.run(title, () => installStatisticsPackages(root, stop.signal));
    } catch (error) {
      if (!(error instanceof SetupError)) throw error;
      steps.say(
        `\n${error.message}\n\n${error.hint}\nUntil then, tests that compare with SciPy and statsmodels are skipped.`,
      );
    }
  });
}

/**
 * Installs the model servers that sctir is tried with, if need be. Throws a SetupError.
 *
 * @param {string} root
 */
export async function setUpServers(root, steps = new Steps()) {
  const reason = () => reasonForEnvironment(readEnvironmentState(root, serverEnvironment));
  if (!reason()) return;
  await alone(root, steps, async (stop) => {
    const why = reason(); // again: the other set-up may have done it
    if (!why) return;
    const python = findPython({ named: process.env.SCTIR_BASE_PYTHON });
    const title = `Model servers, 6 GB: ${why}; ${python.command} is ${python.version}`;
    await steps.run(title, () => makeEnvironment(root, python, stop.signal, serverEnvironment));
  });
}

/**
 * Does something that no other set-up of this folder does at the same time, and that ends with a SetupError when this
 * process is told to end.
 *
 * @param {string} root
 * @param {Steps} steps
 * @param {(stop: AbortController) => Promise<void>} work
 */
async function alone(root, steps, work) {
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
    await work(stop);
  } catch (error) {
    if (!interrupted) throw error;
  } finally {
    for (const signal of endingSignals) process.removeListener(signal, onSignal);
    giveBack();
  }
  if (interrupted) {
    throw new SetupError("The set-up was interrupted.", "Run it again: what is unfinished is made anew.", 130);
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
 * @param {boolean} development
 */
export function whatIsMissing(root, development) {
  for (const file of ["package-lock.json", "requirements.txt"]) {
    if (!existsSync(path.join(root, file))) {
      throw new SetupError(`There is no ${file} in ${root}.`, "This is not a whole checkout of sctir: clone it again.");
    }
  }
  return {
    packages: reasonForPackages(readNodeState(root, development)),
    environment: reasonForEnvironment(readEnvironmentState(root)),
    command: existsSync(path.join(root, "node_modules/.bin/sctir")) ? undefined : "not linked",
  };
}
