import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { CheckoutCopy } from "../helpers/checkout-copy.ts";

const requirements = "tests/statistics-requirements.txt";

let checkout: CheckoutCopy;
beforeEach(async () => {
  checkout = new CheckoutCopy();
  mkdirSync(join(checkout.folder, "tests"));
  checkout.write(requirements, "statsmodels==0.14.6\n");
  await checkout.run("setup.mjs");
  checkout.takeInstalls();
});
afterEach(() => checkout.remove());

// There is nothing else in the copy, so its checks and tests fail: what matters is what happens before them.
describe("npm test", () => {
  it("installs what the statistics are compared with, once", async () => {
    await checkout.run("test.mjs");
    expect(checkout.takeInstalls()).toEqual(["npm ci", "pip"]);
    await checkout.run("test.mjs");
    expect(checkout.takeInstalls()).toEqual([]);
  });

  it.each([
    ["other packages are asked for", () => checkout.write(requirements, "statsmodels==0.14.5\n")],
    ["its installation was cut short", () => checkout.write(".statistics-packages/.sctir-setup", "")],
  ])("installs it again where %s", async (_why, change) => {
    await checkout.run("test.mjs");
    checkout.takeInstalls();
    change();
    await checkout.run("test.mjs");
    expect(checkout.takeInstalls()).toEqual(["pip"]);
  });

  it("goes on without it where it cannot be had, and says which tests are skipped", async () => {
    const { output } = await checkout.run("test.mjs", { FAKE_PIP_FAILS: "1" });
    expect(output).toContain("the index is not to be reached");
    expect(output).toContain("tests that compare with SciPy and statsmodels are skipped");
    expect(output).toContain("FAILED: types (tsc)");
  });
});
