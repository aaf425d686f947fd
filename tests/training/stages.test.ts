import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { beforeAll, describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { temporaryFolder } from "../adapters/dataset-files/temporary-folder.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const training = join(root, "training");
const python = join(root, ".training-venv/bin/python");
const folder = temporaryFolder();
const fromTraining = (name: string) => relative(training, join(folder.path, name));

async function run(script: string, ...options: string[]): Promise<string> {
  const environment = {
    HF_HOME: join(folder.path, "cache"),
    OMP_NUM_THREADS: "1",
    HF_HUB_OFFLINE: "1",
    TOKENIZERS_PARALLELISM: "false",
  };
  const { stdout } = await execa(python, [join(training, script), ...options], { env: environment });
  return stdout;
}

/** Takes the first steps of a stage, on the CPU. */
function train(config: string, steps: number, changes: Record<string, string | number | boolean>): Promise<string> {
  const all = { "arguments.max_steps": steps, "arguments.use_cpu": true, "arguments.logging_steps": 1, ...changes };
  const set = Object.entries(all).flatMap(([key, value]) => ["--set", `${key}=${value}`]);
  return run("train.py", join(training, "configs", config), ...set);
}

interface State {
  global_step: number;
  log_history: { step: number; loss?: number; learning_rate?: number }[];
}
const stateOf = (name: string): State =>
  JSON.parse(readFileSync(join(folder.path, name, "trainer_state.json"), "utf8"));
const losses = (name: string) => stateOf(name).log_history.flatMap(({ loss }) => (loss === undefined ? [] : [loss]));

const text = (index: number) => `We add.\n\n\`\`\`python\nprint(${index} + 7)\n\`\`\`\n\`\`\`output\n`;
const segments = (index: number) => [
  `### Problem: What is ${index} + 7?\n### Solution: `,
  text(index),
  `${index + 7}\n\`\`\``,
  `\nThe answer is $\\boxed{${index + 7}}$.`,
];
const lines = (row: (index: number) => object) =>
  Array.from({ length: 80 }, (_, index) => `${JSON.stringify(row(index))}\n`).join("");

// They run where the training environment is, which `python3 training/make.py` makes.
describe.skipIf(!existsSync(python))("training", () => {
  beforeAll(async () => {
    folder.write(
      "rows.jsonl",
      lines((index) => ({ segments: segments(index) })),
    );
    folder.write(
      "hub.jsonl",
      lines((index) => ({ problem: `What is ${index} + 7?`, solution: segments(index).slice(1).join("") })),
    );
    folder.write(
      "kto.jsonl",
      lines((index) => {
        const [prompt, ...rest] = segments(index);
        return { prompt, completion: rest.join(""), label: index % 3 > 0 };
      }),
    );
    const shape = { hidden_size: 64, intermediate_size: 64, num_hidden_layers: 2, num_attention_heads: 1 };
    folder.write(
      "model.yaml",
      stringify({
        rows: [fromTraining("rows.jsonl")],
        output: fromTraining("untrained"),
        seed: 1,
        llama: { ...shape, vocab_size: 310, max_position_embeddings: 1024, tie_word_embeddings: true },
      }),
    );
    await run("tokenizer.py", join(folder.path, "model.yaml"));
  });

  it.each([
    ["tiny/cot.yaml", "rows.jsonl"],
    ["tiny/tir.yaml", "rows.jsonl"],
    ["7b/cot.yaml", "hub.jsonl"],
    ["7b/tir.yaml", "hub.jsonl"],
    ["tiny/kto.yaml", "kto.jsonl"],
    ["7b/kto.yaml", "kto.jsonl"],
  ])("takes the first steps of %s", async (config, rows) => {
    const output = config.replace("/", "-");
    await train(config, 3, {
      model: fromTraining("untrained"),
      rows: fromTraining(rows),
      output: fromTraining(output),
      ...(config.startsWith("7b") ? { "arguments.bf16": false } : {}),
    });
    expect(losses(output)).toHaveLength(3);
    expect(losses(output).every((loss) => Number.isFinite(loss) && loss > 0)).toBe(true);
    expect(readdirSync(join(folder.path, output))).toEqual(
      expect.arrayContaining(["model.safetensors", "tokenizer.json"]),
    );
  });

  it("goes on at the last checkpoint as if it had never stopped, and leaves alone what has ended", async () => {
    const changes = { model: fromTraining("untrained"), rows: fromTraining("rows.jsonl"), "arguments.save_steps": 2 };
    await train("tiny/tir.yaml", 4, { ...changes, output: fromTraining("whole") });
    // The end of a run that was cut off after two steps of four: its checkpoint alone.
    await execa("mkdir", ["-p", join(folder.path, "cut")]);
    await execa("cp", ["-r", join(folder.path, "whole/checkpoint-2"), join(folder.path, "cut/checkpoint-2")]);
    await train("tiny/tir.yaml", 4, { ...changes, output: fromTraining("cut") });
    expect(losses("cut")).toHaveLength(4);
    for (const [step, loss] of losses("whole").entries()) expect(losses("cut")[step]).toBeCloseTo(loss, 4);
    expect(await train("tiny/tir.yaml", 9, { ...changes, output: fromTraining("cut") })).toContain("trained already");
  });

  it("makes batches of rows of similar length, in random order, the same ones each time", async () => {
    const { stdout } = await execa(
      python,
      [
        "-c",
        `import json
from length_batches import LengthBatches
lengths = [index * 7919 % 997 for index in range(1003)]
order = list(LengthBatches(lengths, 10, 1))
print(json.dumps([lengths, order, list(LengthBatches(lengths, 10, 1)) == order]))`,
      ],
      { cwd: training },
    );
    const [lengths, order, isRepeated]: [number[], number[], boolean] = JSON.parse(stdout);
    expect(isRepeated).toBe(true);
    expect(order.toSorted((a, b) => a - b)).toEqual(lengths.map((_, index) => index));
    const longest = Array.from({ length: 100 }, (_, batch) => {
      const inside = order.slice(10 * batch, 10 * batch + 10).map((index) => lengths[index] ?? 0);
      expect(Math.max(...inside) - Math.min(...inside)).toBeLessThan(60);
      return Math.max(...inside);
    });
    const falls = longest.filter((length, batch) => length < (longest[batch - 1] ?? 0)).length;
    expect(falls).toBeGreaterThan(30);
    expect(falls).toBeLessThan(70);
  });

  it("exports a model as GGUF that says all of itself", async () => {
    const file = join(folder.path, "model.gguf");
    await run("export_gguf.py", join(folder.path, "untrained"), file, "--type", "q8_0");
    const { stdout } = await execa(python, [
      "-c",
      `import sys, json, gguf
reader = gguf.GGUFReader(sys.argv[1])
print(json.dumps({name: field.contents() for name, field in reader.fields.items() if not name.startswith("GGUF")}))`,
      file,
    ]);
    const fields = JSON.parse(stdout);
    expect(fields).toMatchObject({
      "general.architecture": "llama",
      "llama.context_length": 1024,
      "tokenizer.ggml.model": "gpt2",
      "tokenizer.ggml.pre": "smollm",
      "tokenizer.ggml.add_bos_token": false,
    });
    const tokens: string[] = fields["tokenizer.ggml.tokens"];
    expect(tokens).toHaveLength(310);
    expect(tokens[fields["tokenizer.ggml.eos_token_id"]]).toBe("<|endoftext|>");
    const userDefined = 4;
    expect(fields["tokenizer.ggml.token_type"][tokens.indexOf("### Solution: ")]).toBe(userDefined);
    expect(fields["tokenizer.chat_template"]).toContain("### Solution: ");
  });

  it("calibrates GPTQ on whole rows that are not too long, and shards by a file that accelerate reads", async () => {
    const { stdout } = await execa(
      python,
      [
        "-c",
        `import sys, json
from accelerate.commands.config.config_args import load_config_from_file
from quantize_gptq import calibration_texts
print(json.dumps(calibration_texts(json.loads(sys.argv[1]))))
print(load_config_from_file("configs/7b/accelerate.yaml").distributed_type.value)`,
        JSON.stringify({
          model: fromTraining("untrained"),
          rows: fromTraining("hub.jsonl"),
          ...{ samples: 3, max_length: 1024 },
        }),
      ],
      { cwd: training },
    );
    const [texts = "", sharding] = stdout.split("\n");
    expect(JSON.parse(texts)).toEqual([0, 1, 2].map((index) => segments(index).join("")));
    expect(sharding).toBe("FSDP");
  });

  it("tokenises a prompt alone as it does with a solution behind it", async () => {
    const { stdout } = await execa(python, [
      "-c",
      `import sys, json
from transformers import AutoTokenizer
tokenizer = AutoTokenizer.from_pretrained(sys.argv[1])
parts = json.loads(sys.argv[2])
apart = [id for part in parts for id in tokenizer(part)["input_ids"]]
print(apart == tokenizer("".join(parts))["input_ids"], tokenizer.decode(apart) == "".join(parts))`,
      join(folder.path, "untrained"),
      JSON.stringify(segments(12345)),
    ]);
    expect(stdout).toBe("True True");
  });
});
