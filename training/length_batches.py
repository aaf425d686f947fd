"""Batches of rows of similar length, in random order.

Transformers' own `group_by_length` gives them by falling length, 50 at a time: a model that takes large steps forgets the long
rows while it sees short ones.
"""

from collections.abc import Iterator, Sequence

import torch
from torch.utils.data import Sampler

POOL = 50  # batches that share rows of all lengths


class LengthBatches(Sampler[int]):
    """The indices of all rows: each `size` of them are a batch, but for what is left over at the end."""

    def __init__(self, lengths: Sequence[int], size: int, seed: int) -> None:
        self.lengths, self.size, self.seed = lengths, size, seed

    def __len__(self) -> int:
        return len(self.lengths)

    def __iter__(self) -> Iterator[int]:
        generator = torch.Generator().manual_seed(self.seed)
        order = torch.randperm(len(self.lengths), generator=generator).tolist()
        batches: list[list[int]] = []
        for start in range(0, len(order), POOL * self.size):
            pool = sorted(order[start : start + POOL * self.size], key=lambda index: self.lengths[index])
            batches += [pool[at : at + self.size] for at in range(0, len(pool), self.size)]
        batches.sort(key=len, reverse=True)  # a smaller one would shift all behind it
        whole = sum(len(batch) == self.size for batch in batches)
        for at in (*torch.randperm(whole, generator=generator).tolist(), *range(whole, len(batches))):
            yield from batches[at]
