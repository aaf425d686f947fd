import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { exitCodes } from "../../../pipeline/core/user-error.ts";
import { isAvailable, openSandbox } from "./sandbox-under-test.ts";

/** Without bubblewrap, programs run in the temporary directory. */
describe.skipIf(!(await isAvailable("limits")))("the temporary directory", async () => {
  const usual = process.env.TMPDIR;
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "temporary-"));
  });
  afterEach(async () => {
    if (usual === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = usual;
    await rm(folder, { recursive: true });
  });
  const unavailable = (path: string) => ({
    name: "UserError",
    message: expect.stringContaining(path),
    hint: expect.stringContaining("TMPDIR"),
    exitCode: exitCodes.unavailable,
  });

  it.each(["not-there", "a-file"])("is named where it will not do: %s", async (name) => {
    await writeFile(join(folder, "a-file"), "");
    process.env.TMPDIR = join(folder, name);
    const { sandbox } = await openSandbox({ isolation: "limits", size: 1 });
    await expect(sandbox.describe()).rejects.toMatchObject(unavailable(process.env.TMPDIR));
    await sandbox.close();
  });

  const canMount = await execa("unshare", ["-m", "mount", "-t", "tmpfs", "tmpfs", "/mnt"], { reject: false });
  it.skipIf(canMount.failed)(
    "is named when it is full, which is no program's doing, and programs run again",
    async () => {
      const small = join(folder, "small");
      await mkdir(small);
      await execa("mount", ["-t", "tmpfs", "-o", "size=2m", "tmpfs", small]);
      try {
        process.env.TMPDIR = small;
        const { sandbox, run } = await openSandbox({ isolation: "limits", size: 1 });
        expect(await run("print(1)")).toMatchObject({ outcome: "ok" });
        await writeFile(join(small, "fill"), Buffer.alloc(2 ** 22)).catch(() => {});
        await expect(run("print(2)")).rejects.toMatchObject(unavailable(small));
        await expect(run("print(3)", { session: "own" })).rejects.toMatchObject(unavailable(small));
        await rm(join(small, "fill"));
        expect(await run("print(4)")).toMatchObject({ outcome: "ok", stdout: "4\n" });
        await sandbox.close();
      } finally {
        await execa("umount", ["--lazy", small]);
      }
    },
  );
});
