import { describe, expect, it } from "vitest";
import { checkPlatform, isAtLeast } from "../../scripts/lib/platform.mjs";

const machine = { platform: "linux", arch: "x64", nodeVersion: "20.20.2", glibcVersion: "2.36" };

describe("checkPlatform", () => {
  it.each([
    machine,
    { ...machine, arch: "arm64", nodeVersion: "18.0.0", glibcVersion: "2.28" },
    { ...machine, platform: "darwin", arch: "arm64", glibcVersion: undefined },
  ])("accepts $platform $arch with Node $nodeVersion", (supported) => {
    expect(() => checkPlatform(supported)).not.toThrow();
  });

  it.each([
    [{ ...machine, platform: "win32", glibcVersion: undefined }, /does not run on win32 x64/u],
    [{ ...machine, arch: "riscv64" }, /does not run on linux riscv64/u],
    [{ ...machine, glibcVersion: undefined }, /another C library than glibc/u],
    [{ ...machine, glibcVersion: "2.17" }, /glibc 2.17/u],
    [{ ...machine, nodeVersion: "16.20.2" }, /Node 16.20.2 is too old/u],
  ])("refuses %j", (unsupported, message) => {
    expect(() => checkPlatform(unsupported)).toThrow(message);
  });
});

describe("isAtLeast", () => {
  it("compares numbers, not texts", () => {
    expect(isAtLeast("3.10.1", "3.9")).toBe(true);
    expect(isAtLeast("3.9.18", "3.10")).toBe(false);
    expect(isAtLeast("3.10", "3.10.0")).toBe(true);
  });
});
