import { chmod, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { describe, expect, it } from "vitest";
import { page, tableRows } from "../docs/pages.ts";
import { temporaryFolder } from "../helpers/temporary-folder.ts";

const script = fileURLToPath(new URL("../../scripts/serve-t4.sh", import.meta.url));
const twoT4s = "Tesla T4, 15360 MiB\nTesla T4, 15360 MiB\n";

interface Machine {
  vllm?: string | null; // what --version prints [0.15.1]; null: no such program
  gpus?: string | null; // what nvidia-smi lists [two T4s]; null: no such program
  env?: Record<string, string>;
}

/** Runs the script beside stand-ins for vllm and nvidia-smi. `served`: what vllm was started with, if it was. */
async function serve(args: string[], { vllm = "0.15.1", gpus = twoT4s, env = {} }: Machine = {}) {
  const folder = await temporaryFolder();
  const log = join(folder, "served");
  const programs = {
    vllm:
      vllm !== null &&
      `[ "$1" = --version ] && { cat <<'X'\n${vllm}\nX\nexit; }\nprintf '%s\\n' "$@" >'${log}'\nexit 7`,
    "nvidia-smi": gpus !== null && `cat <<'X'\n${gpus}X`,
  };
  for (const [name, body] of Object.entries(programs)) {
    if (body === false) continue;
    await writeFile(join(folder, name), `#!/bin/sh\n${body}\n`);
    await chmod(join(folder, name), 0o755);
  }
  const path = `${folder}:/usr/bin:/bin`;
  const ended = await execa(script, args, { reject: false, extendEnv: false, env: { PATH: path, ...env } });
  const served = await readFile(log, "utf8").then(
    (text) => text.trimEnd().split("\n"),
    () => undefined,
  );
  return { ...ended, served };
}

describe("serve-t4.sh", () => {
  it("becomes vllm serve with the flags that two T4s need, and says each with its reason", async () => {
    const { served, exitCode, stderr } = await serve(["my model"]);
    expect(exitCode).toBe(7); // the server's
    expect(served).toEqual([
      ...["serve", "my model", "--dtype", "half", "--tensor-parallel-size", "2", "--max-model-len", "4096"],
      ...["--gpu-memory-utilization", "0.92", "--max-num-seqs", "48", "--disable-custom-all-reduce"],
      ...["--generation-config", "vllm", "--enable-prompt-tokens-details", "--host", "127.0.0.1"],
      ...["--kv-cache-dtype", "auto", "--attention-backend", "TRITON_ATTN"],
    ]);
    expect(stderr).toMatch(/--dtype half - a T4 has no bfloat16/u);
    expect(stderr).not.toMatch(/warning/u);
  });

  it("leaves a flag that is given to the user, however it is written, and passes others on", async () => {
    const own = ["--max-model-len=2048", "-tp", "1", "--max_num_seqs", "8", "--no-enable-prompt-tokens-details"];
    const { served, stderr } = await serve(["m", ...own, "--port", "8001", "-ac.backend", "FLEX_ATTENTION"]);
    expect(served?.slice(-own.length - 4)).toEqual([...own, "--port", "8001", "-ac.backend", "FLEX_ATTENTION"]);
    const ours = served?.slice(2, -own.length - 4);
    for (const flag of ["--max-model-len", "--tensor-parallel-size", "--max-num-seqs", "--attention-backend"]) {
      expect(ours).not.toContain(flag);
      expect(stderr).toMatch(new RegExp(`${flag} .*left to yours`, "u"));
    }
    expect(ours).not.toContain("--enable-prompt-tokens-details");
  });

  it("shows the command with --print and starts nothing", async () => {
    const { served, stdout, exitCode } = await serve(["my model", "--print"]);
    expect(stdout).toMatch(/^vllm serve my\\ model --dtype half .*TRITON_ATTN$/u);
    expect(served).toBeUndefined();
    expect(exitCode).toBe(0);
  });

  it("takes one GPU as it is: nothing to reduce over", async () => {
    const { served } = await serve(["m"], { gpus: "Tesla T4, 15360 MiB\n" });
    expect(served).toContain("1");
    expect(served).not.toContain("--disable-custom-all-reduce");
  });

  it("counts the GPUs that CUDA_VISIBLE_DEVICES leaves", async () => {
    const { served } = await serve(["m"], { env: { CUDA_VISIBLE_DEVICES: "1" } });
    expect(served?.slice(4, 6)).toEqual(["--tensor-parallel-size", "1"]);
  });

  it.each([
    ["0.10.1.1", /warning: vLLM 0\.10\.1\.1: before 0\.10\.2/u, false],
    ["INFO loading\n0.10.2", /came with vLLM 0\.13/u, false],
    ["0.13.0rc2", /^vLLM 0\.13\.0rc2$/mu, true],
    ["1.0", /^vLLM 1\.0$/mu, true],
    ["who knows", /warning: .*looks like a version/u, true],
  ])("of a vLLM that says %s", async (vllm, said, hasFlag) => {
    const { served, stderr } = await serve(["m"], { vllm });
    expect(stderr).toMatch(said);
    expect(served?.includes("--attention-backend")).toBe(hasFlag);
  });

  it("warns of other GPUs, and of --quantization", async () => {
    const { stderr, served } = await serve(["m", "--quantization", "gptq"], { gpus: "NVIDIA L4, 23034 MiB\n" });
    expect(stderr).toMatch(/warning: not a T4: NVIDIA L4/u);
    expect(stderr).toMatch(/warning: --quantization: .*slow/u);
    expect(served).toContain("gptq");
  });

  it.each([
    ["without a model", [], {}, 2, /which model\?/u],
    ["with a flag for a model", ["--port", "1"], {}, 2, /the model comes first/u],
    ["without vllm", ["m"], { vllm: null }, 3, /no vllm on PATH[\s\S]*pip install vllm/u],
    ["without a driver", ["m"], { gpus: null }, 3, /no nvidia-smi/u],
    ["without a GPU", ["m"], { gpus: "" }, 3, /sees no GPU/u],
    ["on a P100", ["m"], { gpus: "Tesla P100-PCIE-16GB, 16384 MiB\n" }, 3, /does not run on a P100/u],
  ])("refuses to start %s, and says what to do", async (_, args, machine, code, said) => {
    const { exitCode, stderr, served } = await serve(args, machine);
    expect(stderr).toMatch(said);
    expect(stderr).toMatch(/→/u);
    expect(exitCode).toBe(code);
    expect(served).toBeUndefined();
  });

  it("passes the flags that docs/t4.md gives reasons for", async () => {
    const { served = [] } = await serve(["m"]);
    const explained = tableRows(page("t4.md")).flatMap(
      ([first = ""]) => /^`(--[^`]+)`$/u.exec(first)?.[1]?.split(" ") ?? [],
    );
    expect(served.slice(2)).toEqual(explained);
  });

  it("explains itself", async () => {
    const { stdout, exitCode } = await serve(["-h"], { vllm: null, gpus: null });
    expect(stdout).toMatch(/Usage: scripts\/serve-t4\.sh MODEL/u);
    expect(exitCode).toBe(0);
  });
});
