import { mkdirSync, realpathSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { CheckoutCopy } from "../helpers/checkout-copy.ts";

let checkout: CheckoutCopy;
beforeEach(() => {
  checkout = new CheckoutCopy();
});
afterEach(() => checkout.remove());

describe("npm run setup", () => {
  it("installs Node and Python packages the first time, and nothing the second", async () => {
    expect(await checkout.run("setup.mjs")).toMatchObject({ code: 0 });
    expect(checkout.takeInstalls().toSorted()).toEqual(["compileall", "npm ci", "pip", "venv"]);
    expect(checkout.has("node_modules/.bin/sctir")).toBe(true);

    const second = await checkout.run("setup.mjs");
    expect(second).toMatchObject({ code: 0, output: expect.stringContaining("Set up already") });
    expect(checkout.takeInstalls()).toEqual([]);
  });

  it("installs what tests need only for tests, and then leaves it", async () => {
    await checkout.run("setup.mjs");
    expect(checkout.calls()).toContain("npm ci --omit=dev");
    checkout.takeInstalls();
    await checkout.run("test.mjs"); // nothing that it would run is there
    expect(checkout.calls()).toContain("npm ci --include=dev");
    checkout.takeInstalls();
    await checkout.run("setup.mjs");
    expect(checkout.takeInstalls()).toEqual([]);
  });

  it("does again only what changed", async () => {
    await checkout.run("setup.mjs");
    checkout.takeInstalls();

    checkout.write("requirements.txt", `${checkout.read("requirements.txt")}# changed\n`);
    await checkout.run("setup.mjs");
    expect(checkout.takeInstalls()).toEqual(["venv", "pip", "compileall"]);

    checkout.write("package-lock.json", `${checkout.read("package-lock.json")}\n`);
    await checkout.run("setup.mjs");
    expect(checkout.takeInstalls()).toEqual(["npm ci"]);
  });

  it("makes an environment anew whose installation was killed", async () => {
    const { child, run } = checkout.start("setup.mjs", { FAKE_PIP_SECONDS: "2" });
    while (!checkout.has(".venv/bin/python")) await sleep(20);
    child.kill("SIGKILL");
    await run;
    checkout.takeInstalls();

    const again = await checkout.run("setup.mjs");
    expect(again).toMatchObject({ code: 0, output: expect.stringContaining("unfinished") });
    expect(checkout.takeInstalls()).toContain("venv");
  });

  it("ends with 130 when interrupted, and leaves no lock", async () => {
    const { child, run } = checkout.start("setup.mjs", { FAKE_PIP_SECONDS: "10" });
    while (!checkout.calls().includes("python -m pip")) await sleep(20);
    child.kill("SIGINT");
    expect(await run).toMatchObject({ code: 130, output: expect.stringContaining("interrupted") });
    expect(checkout.has(".sctir-setup-lock.tmp")).toBe(false);
  });

  it("installs once when started twice at once", async () => {
    const first = checkout.start("setup.mjs", { FAKE_PIP_SECONDS: "1" });
    while (!checkout.has(".sctir-setup-lock.tmp/owner.json")) await sleep(20);
    const second = await checkout.run("setup.mjs");
    expect(second).toMatchObject({ code: 0, output: expect.stringContaining("waiting for another set-up") });
    expect(await first.run).toMatchObject({ code: 0 });
    expect(checkout.takeInstalls().toSorted()).toEqual(["compileall", "npm ci", "pip", "venv"]);
  });

  it("takes a lock that was left by a process that is gone", async () => {
    const { child, run } = checkout.start("setup.mjs", { PATH: "/nowhere" }); // any process that has ended
    await run;
    mkdirSync(join(checkout.folder, ".sctir-setup-lock.tmp"));
    const owner = { pid: child.pid, host: hostname(), token: "left" };
    checkout.write(".sctir-setup-lock.tmp/owner.json", JSON.stringify(owner));
    expect(await checkout.run("setup.mjs")).toMatchObject({ code: 0 });
  });

  it("shows what a failing tool printed, and starts afresh the next time", async () => {
    const failed = await checkout.run("setup.mjs", { FAKE_PIP_FAILS: "1" });
    expect(failed.code).toBe(1);
    expect(failed.output).toContain("the index is not to be reached");
    expect(failed.output).toContain("run the same command again");
    expect(failed.output).not.toMatch(/\n\s+at /u);
    checkout.takeInstalls();

    expect(await checkout.run("setup.mjs")).toMatchObject({ code: 0 });
    expect(checkout.takeInstalls()).toContain("venv");
  });

  it("says which package to install where there is no Python, before it downloads anything", async () => {
    const { code, output } = await checkout.run("setup.mjs", { PATH: join(checkout.folder, "nothing") });
    expect(code).toBe(1);
    expect(output).toContain("No Python from 3.10");
    expect(output).toContain("apt-get install python3 python3-venv");
    expect(output).toContain("dnf install python3");
    expect(output).toContain("brew install python");
    expect(checkout.takeInstalls()).toEqual([]);
  });

  it("says which package to install where Python has no venv", async () => {
    const { code, output } = await checkout.run("setup.mjs", { FAKE_VENV_FAILS: "1" });
    expect(code).toBe(1);
    expect(output).toContain("ensurepip is not available");
    expect(output).toContain("apt-get install python3-venv");
  });

  it("uses the machine's own Node where npm brings none", async () => {
    checkout.addTool("npm", "mkdir -p node_modules/.bin");
    expect(await checkout.run("setup.mjs")).toMatchObject({ code: 0 });
    expect(realpathSync(join(checkout.folder, "node_modules/.bin/node"))).toBe(realpathSync(process.execPath));
  });

  it("says how to get Node where npm brings none and the machine's own is too old", async () => {
    checkout.addTool("npm", "mkdir -p node_modules/.bin");
    checkout.write("old.cjs", 'Object.defineProperty(process.versions, "node", { value: "20.1.0" });');
    const { code, output } = await checkout.run("setup.mjs", {
      NODE_OPTIONS: `--require ${join(checkout.folder, "old.cjs")}`,
    });
    expect(code).toBe(1);
    expect(output).toContain("needs Node 24.3");
    expect(output).toContain("ignore-scripts");
  });

  it("names SCTIR_BASE_PYTHON where no Python answers there", async () => {
    const { code, output } = await checkout.run("setup.mjs", { SCTIR_BASE_PYTHON: "/nowhere/python3" });
    expect(code).toBe(1);
    expect(output).toContain("SCTIR_BASE_PYTHON is /nowhere/python3");
  });
});
