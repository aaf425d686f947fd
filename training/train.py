"""One stage of training: `python training/train.py training/configs/tiny/cot.yaml [--set arguments.max_steps=10]`.

TRL trains; a config says on what. Paths in it are relative to training/. A stage that was cut off goes on at its last
checkpoint; one that has ended is left alone.
"""

import argparse
from pathlib import Path
from typing import Any

import yaml
from datasets import Dataset, load_dataset
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerBase
from transformers.trainer_utils import get_last_checkpoint
from trl import KTOConfig, KTOTrainer, SFTConfig, SFTTrainer

from length_batches import LengthBatches
from muon import MuonWithAdamW

HERE = Path(__file__).parent
PROMPT = "### Problem: {}\n### Solution: "
TRAINERS = {"sft": (SFTTrainer, SFTConfig), "kto": (KTOTrainer, KTOConfig)}


def read_config(path: Path, changes: list[str]) -> dict[str, Any]:
    config = yaml.safe_load(path.read_text())
    for change in changes:
        keys, _, value = change.partition("=")
        *parents, last = keys.split(".")
        place = config
        for key in parents:
            place = place[key]
        place[last] = yaml.safe_load(value)
    return config


def segments_of(row: dict[str, Any]) -> list[str]:
    """The prompt, then by turns what the model writes and what is written back to it."""
    return row["segments"] if "segments" in row else [PROMPT.format(row["problem"]), row["solution"]]


def tokens_and_labels(tokenizer: PreTrainedTokenizerBase, segments: list[str], loss: str) -> dict[str, list[int]]:
    """The loss is on `all`, or on what the `model` writes; that needs segments, so that outputs are known."""
    if loss == "all":
        ids = tokenizer("".join(segments) + tokenizer.eos_token)["input_ids"]
        return {"input_ids": ids, "labels": ids}
    input_ids: list[int] = []
    labels: list[int] = []
    for index, segment in enumerate([*segments[:-1], segments[-1] + tokenizer.eos_token]):
        ids = tokenizer(segment, add_special_tokens=index == 0)["input_ids"]
        input_ids += ids
        labels += ids if index % 2 == 1 else [-100] * len(ids)
    return {"input_ids": input_ids, "labels": labels}


def load_rows(rows: str) -> Dataset:
    """JSON lines, or the training split of a data set on the hub with `problem` and `solution`."""
    file = HERE / rows
    return (
        load_dataset("json", data_files=str(file), split="train")
        if file.exists()
        else load_dataset(rows, split="train")
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="Trains one stage.")
    parser.add_argument("config", type=Path)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="in place of the config's")
    options = parser.parse_args()
    config = read_config(options.config, options.set)

    trainer_class, config_class = TRAINERS[config["trainer"]]
    output = HERE / config["output"]
    if (output / "trainer_state.json").exists():
        print(f"{output} is trained already.")
        return
    arguments = config_class(output_dir=str(output), **config["arguments"])
    local = HERE / config["model"]
    source = local if local.exists() else config["model"]  # else a name on the hub
    tokenizer = AutoTokenizer.from_pretrained(source)
    model = AutoModelForCausalLM.from_pretrained(source, dtype=config["dtype"])
    rows = load_rows(config["rows"])
    if config["trainer"] == "sft":
        rows = rows.map(
            lambda row: tokens_and_labels(tokenizer, segments_of(row), config["loss"]), remove_columns=rows.column_names
        )

    class Trainer(trainer_class):
        def create_optimizer(self, model=None):
            if "muon" in config and self.optimizer is None:
                self.optimizer = MuonWithAdamW(self.model, config["muon"], config["adamw"])
            return super().create_optimizer(model)

        def _get_train_sampler(self, *dataset):
            if not config.get("length_batches"):
                return super()._get_train_sampler(*dataset)
            lengths = [len(ids) for ids in self.train_dataset["input_ids"]]
            return LengthBatches(lengths, self.args.per_device_train_batch_size, self.args.seed)

    trainer = Trainer(model=model, args=arguments, train_dataset=rows, processing_class=tokenizer)
    trainer.train(resume_from_checkpoint=get_last_checkpoint(output) if output.exists() else None)
    trainer.save_model()
    trainer.save_state()  # last: a folder with trainer_state.json is whole


if __name__ == "__main__":
    main()
