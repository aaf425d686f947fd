"""All of tiny, from nothing to four GGUF files: `python3 training/make.py`. What is there already is kept.

Needs the Python of the sandbox (`npm run setup`). Makes .training-venv from requirements.txt if it is not there: on
Linux that includes PyTorch's CUDA libraries, 5 GB in all, because the index has no build without them.
"""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
TRAINING = ROOT / "training"
OUT = TRAINING / "out" / "tiny"
CONFIGS = TRAINING / "configs" / "tiny"
VENV = ROOT / ".training-venv"
PYTHON = VENV / "bin" / "python"
SANDBOX_PYTHON = ROOT / ".venv" / "bin" / "python"
MODELS = {
    "tiny-cot": OUT / "cot",
    "tiny-tir-half": OUT / "tir" / "checkpoint-120",
    "tiny-tir": OUT / "tir",
    "tiny-kto": OUT / "kto",
}

Command = list[str | Path]


@dataclass(frozen=True)
class Step:
    product: Path  # there once the step is done
    commands: list[Command]


def rows(kind: str, count: int) -> Step:
    file = OUT / "rows" / f"{kind}.jsonl"
    return Step(file, [[SANDBOX_PYTHON, TRAINING / "data" / "write_rows.py", kind, str(count), file]])


def stage(name: str) -> Step:
    return Step(OUT / name / "trainer_state.json", [[PYTHON, TRAINING / "train.py", CONFIGS / f"{name}.yaml"]])


def model(name: str) -> Step:
    file = OUT / "models" / f"{name}.gguf"
    return Step(file, [[PYTHON, TRAINING / "export_gguf.py", MODELS[name], file, "--type", "q8_0"]])


def steps() -> list[Step]:
    run, kto_rows, models = OUT / "sample", OUT / "rows" / "kto.jsonl", OUT / "models"
    drawn = [OUT / "rows" / f"{kind}.jsonl" for kind in ("cot", "tir", "problems")]
    overlap_check: Command = [sys.executable, TRAINING / "problems" / "check_overlap.py", *drawn]
    return [
        Step(PYTHON, [[sys.executable, "-m", "venv", VENV]]),
        Step(
            VENV / "installed",
            [
                [PYTHON, "-m", "pip", "install", "--require-hashes", "-r", TRAINING / "requirements.txt"],
                [PYTHON, "-c", f"open({str(VENV / 'installed')!r}, 'w')"],
            ],
        ),
        rows("cot", 9600),
        rows("tir", 28000),
        rows("problems", 1500),
        Step(
            OUT / "untrained" / "tokenizer.json",
            [overlap_check, [PYTHON, TRAINING / "tokenizer.py", CONFIGS / "model.yaml"]],
        ),
        stage("cot"),
        stage("tir"),
        model("tiny-cot"),
        model("tiny-tir-half"),
        model("tiny-tir"),
        Step(run / "summary.json", [["node", ROOT / "bin" / "sctir.js", "run", CONFIGS / "sample.yaml", "--out", run]]),
        Step(kto_rows, [[sys.executable, TRAINING / "data" / "kto_rows.py", run, kto_rows]]),
        stage("kto"),
        model("tiny-kto"),
        Step(
            models / "README.md", [[PYTHON, TRAINING / "model_card.py", what, models] for what in ("collect", "render")]
        ),
    ]


def main() -> int:
    for step in steps():
        if step.product.exists():
            print(f"{step.product.relative_to(ROOT)}: is here")
            continue
        for command in step.commands:
            print(" ".join(str(part) for part in command), flush=True)
            code = subprocess.run(command, cwd=ROOT, env={"TOKENIZERS_PARALLELISM": "false", **os.environ}).returncode
            if code != 0:
                print("This step failed. Begun again, this program goes on with it.", file=sys.stderr)
                return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
