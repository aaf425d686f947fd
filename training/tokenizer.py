"""Trains a tokenizer and writes an untrained model for it:

    python training/tokenizer.py training/configs/tiny/model.yaml

Byte-level BPE with single digits, as llama.cpp's pre-tokenizer `smollm` splits it. The end of the prompt, with its
blank, is a token of its own, so that a prompt is tokenised alike alone and with a solution behind it.
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import torch
import yaml
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

HERE = Path(__file__).parent
END = "<|endoftext|>"
PADDING = "<|padding|>"
PROMPT_END = "### Solution: "
CHAT_TEMPLATE = (
    "{% for message in messages %}{% if message['role'] == 'user' %}{{ '### Problem: ' + message['content'] + "
    "'\\n### Solution: ' }}{% else %}{{ message['content'] + eos_token }}{% endif %}{% endfor %}"
)


def texts(files: list[str]) -> Iterator[str]:
    for file in files:
        with (HERE / file).open(encoding="utf-8") as lines:
            for line in lines:
                yield "".join(json.loads(line)["segments"])


def train_tokenizer(files: list[str], vocabulary: int, context: int) -> PreTrainedTokenizerFast:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary - 1,
        special_tokens=[END, PADDING],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts(files), trainer)
    tokenizer.add_tokens([AddedToken(PROMPT_END, normalized=False)])
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token=END, pad_token=PADDING, model_max_length=context
    )
    fast.chat_template = CHAT_TEMPLATE
    return fast


def main() -> None:
    parser = argparse.ArgumentParser(description="Trains a tokenizer and writes an untrained model for it.")
    parser.add_argument("config", type=Path)
    config = yaml.safe_load(parser.parse_args().config.read_text())
    shape = config["llama"]
    tokenizer = train_tokenizer(config["rows"], shape["vocab_size"], shape["max_position_embeddings"])
    if len(tokenizer) != shape["vocab_size"]:
        raise SystemExit(f"The rows give a vocabulary of {len(tokenizer)}, not of {shape['vocab_size']}.")
    torch.manual_seed(config["seed"])
    model = LlamaForCausalLM(
        LlamaConfig(
            **shape, bos_token_id=None, eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id
        )
    )
    folder = HERE / config["output"]
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    print(f"{folder}: {model.num_parameters():,} parameters, {len(tokenizer)} tokens")


if __name__ == "__main__":
    main()
