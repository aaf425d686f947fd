import { describe, expect, it } from "vitest";
import { isStale } from "../../scripts/lib/setup-lock.mjs";
import { installedMatchesLock, reasonForEnvironment, reasonForPackages } from "../../scripts/lib/setup-state.mjs";

describe("reasonForPackages", () => {
  const current = {
    marker: { lock: "a", platform: "linux-x64" },
    lockHash: "a",
    platform: "linux-x64",
    hasNode: true,
  };

  it("finds none where the last set-up had the same lock file", () => {
    expect(reasonForPackages(current)).toBeUndefined();
  });

  it.each([
    ["the lock file changed", { lockHash: "b" }, "package-lock.json changed"],
    ["Node is not there", { hasNode: false }, "not installed"],
    ["the set-up was cut short", { marker: undefined }, "unfinished"],
    ["the folder comes from another platform", { platform: "darwin-arm64" }, "made for linux-x64"],
    ["tests are to run, and only the tool was set up", { development: true }, "without those for tests"],
  ])("finds one where %s", (_why, change, reason) => {
    expect(reasonForPackages({ ...current, ...change })).toBe(reason);
  });

  it("finds none where somebody ran npm ci by hand", () => {
    expect(reasonForPackages({ ...current, marker: undefined, installedMatches: true })).toBeUndefined();
  });
});

describe("installedMatchesLock", () => {
  const a = { version: "1.0.0", integrity: "sha512-a" };
  const forAnotherPlatform = { version: "1.0.0", integrity: "sha512-b", optional: true };
  const lock = { packages: { "": { version: "0.1.0" }, "node_modules/a": a, "node_modules/b": forAnotherPlatform } };

  it("lets optional packages be absent", () => {
    expect(installedMatchesLock(lock, { packages: { "node_modules/a": a } }, true)).toBe(true);
  });

  it("lets those of tests be absent, unless they are to run", () => {
    const withTests = { packages: { ...lock.packages, "node_modules/test": { version: "2.0.0", dev: true } } };
    expect(installedMatchesLock(withTests, { packages: { "node_modules/a": a } }, false)).toBe(true);
    expect(installedMatchesLock(withTests, { packages: { "node_modules/a": a } }, true)).toBe(false);
  });

  it.each([
    ["is absent", {}],
    ["has another version", { "node_modules/a": { ...a, version: "1.0.1" } }],
    ["has other contents", { "node_modules/a": { ...a, integrity: "sha512-c" } }],
    ["is not in the lock file", { "node_modules/a": a, "node_modules/extra": a }],
  ])("does not where a package %s", (_what, packages) => {
    expect(installedMatchesLock(lock, { packages }, true)).toBe(false);
  });
});

describe("reasonForEnvironment", () => {
  const current = {
    exists: true,
    marker: { requirements: "a", version: "3.11.7", executable: "/usr/bin/python3.11" },
    requirementsHash: "a",
    runningVersion: "3.11.7",
    named: undefined,
  };

  it("finds none where nothing changed", () => {
    expect(reasonForEnvironment(current)).toBeUndefined();
    expect(
      reasonForEnvironment({ ...current, named: { version: "3.11.7", executable: "/usr/bin/python3.11" } }),
    ).toBeUndefined();
  });

  it.each([
    ["there is none", { exists: false }, "not installed"],
    ["it was cut short", { marker: undefined }, "unfinished"],
    ["requirements.txt changed", { requirementsHash: "b" }, "requirements.txt changed"],
    ["its interpreter is gone", { runningVersion: undefined }, "its Python does not start"],
    ["its interpreter was upgraded", { runningVersion: "3.11.8" }, "Python 3.11.7 became 3.11.8"],
    [
      "another interpreter is asked for",
      { named: { version: "3.13.0", executable: "/opt/python3.13" } },
      "SCTIR_BASE_PYTHON changed",
    ],
  ])("finds one where %s", (_why, change, reason) => {
    expect(reasonForEnvironment({ ...current, ...change })).toBe(reason);
  });
});

describe("isStale", () => {
  const owner = { pid: 7, host: "here", token: "t" };
  const held = { owner, silentMilliseconds: 0, thisHost: "here", isRunning: () => true };

  it("respects an owner that is alive", () => {
    expect(isStale(held)).toBe(false);
    expect(isStale({ ...held, thisHost: "elsewhere", isRunning: () => false })).toBe(false);
  });

  it("sees that a process is gone, on this machine at once, on another one after a silence", () => {
    expect(isStale({ ...held, isRunning: () => false })).toBe(true);
    expect(isStale({ ...held, thisHost: "elsewhere", silentMilliseconds: 120_000 })).toBe(true);
  });

  it("gives a lock without an owner time to get one", () => {
    expect(isStale({ ...held, owner: undefined })).toBe(false);
    expect(isStale({ ...held, owner: undefined, silentMilliseconds: 60_000 })).toBe(true);
  });
});
