import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { ownHolder } from "../../../pipeline/adapters/run-directory/lock-holder.ts";
import { lockRun } from "../../../pipeline/adapters/run-directory/run-lock.ts";
import { temporaryFolder } from "../../helpers/temporary-folder.ts";

vi.mock("node:fs/promises", async (original) => ({
  ...(await original<typeof import("node:fs/promises")>()),
  link: () => Promise.reject(Object.assign(new Error("EPERM"), { code: "EPERM", syscall: "link" })),
}));

const timing = { beatMilliseconds: 100, silenceMilliseconds: 1500 };

/** As exFAT is, and some FUSE file systems are. */
describe("a run's lock on a file system without hard links", () => {
  it("is had by one of many that try at once, be it free or stale", async () => {
    const folder = await temporaryFolder();
    for (const stale of [false, true]) {
      const dead = { ...(await ownHolder()), pid: 0, nonce: "dead" };
      if (stale) await writeFile(join(folder, "run.lock"), JSON.stringify(dead));
      const tries = await Promise.allSettled(Array.from({ length: 20 }, () => lockRun(folder, { timing })));
      const locks = tries.filter((attempt) => attempt.status === "fulfilled");
      expect(locks).toHaveLength(1);
      expect(await readdir(folder)).toEqual(["run.lock"]);
      await locks[0]?.value.confirm();
      await locks[0]?.value.release();
    }
    expect(await readdir(folder)).toEqual([]);
  });

  it("is not taken from one that has made its file and not written it yet", async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, "run.lock"), "");
    const attempt = expect(lockRun(folder, { timing })).rejects.toThrow(`in use by process ${process.pid}`);
    setTimeout(async () => writeFile(join(folder, "run.lock"), JSON.stringify(await ownHolder())), 100);
    await attempt;
  });
});
