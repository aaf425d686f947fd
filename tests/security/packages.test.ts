import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const read = (file: string) => readFileSync(fileURLToPath(new URL(`../../${file}`, import.meta.url)), "utf8");

interface Package {
  version: string;
  integrity?: string;
  resolved?: string;
  dev?: boolean;
  hasInstallScript?: boolean;
}

describe("Node packages", () => {
  const { packages } = JSON.parse(read("package-lock.json")) as { packages: Record<string, Package> };
  const installed = Object.entries(packages).filter(([folder]) => folder !== "");

  it("are pinned by a checksum each, and come from nowhere but the registry", () => {
    expect(installed.length).toBeGreaterThan(50);
    for (const [folder, { integrity, resolved }] of installed) {
      expect({ folder, integrity }).toEqual({ folder, integrity: expect.stringMatching(/^sha512-/u) });
      expect(resolved ?? "https://").toMatch(/^https:\/\//u);
    }
  });

  it("run nothing when they are installed, but for Node itself", () => {
    const running = installed
      .filter(([, { hasInstallScript, dev }]) => hasInstallScript && !dev)
      .map(([folder]) => folder);
    expect(running).toEqual(["node_modules/node"]);
  });

  it("are named in package.json by exact versions", () => {
    const { dependencies, devDependencies, optionalDependencies } = JSON.parse(read("package.json")) as Record<
      string,
      object
    >;
    for (const version of Object.values({ ...dependencies, ...devDependencies, ...optionalDependencies })) {
      expect(version).toMatch(/^\d+\.\d+\.\d+$/u);
    }
  });

  it("are told of in docs/security.md, each that a run loads", () => {
    const { dependencies } = JSON.parse(read("package.json")) as { dependencies: object };
    const page = read("docs/security.md");
    expect(Object.keys(dependencies).filter((name) => !page.includes(`\`${name}\``))).toEqual([]);
  });
});

describe("Python packages", () => {
  it.each(["requirements.txt", "tests/statistics-requirements.txt"])("of %s are pinned by version and hash", (file) => {
    const requirements = read(file)
      .replaceAll("\\\n", " ")
      .split("\n")
      .filter((line) => line.trim() !== "" && !line.startsWith("#"));
    expect(requirements.length).toBeGreaterThan(1);
    for (const line of requirements) {
      expect(line).toMatch(/^[\w.-]+==[\w.]+ (?:; [^-]+)?\s*(?:--hash=sha256:[0-9a-f]{64}\s*)+$/u);
    }
  });

  it("are installed only if their hashes are right, and built from no source", () => {
    for (const file of ["scripts/lib/python-environment.mjs", "scripts/lib/statistics-packages.mjs"]) {
      expect(read(file)).toMatch(/"--only-binary", ":all:", "--require-hashes"/u);
    }
  });
});
