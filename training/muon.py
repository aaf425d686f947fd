"""Muon for a model's hidden matrices and AdamW for the rest, as one optimizer for a Hugging Face trainer.

`torch.optim.Muon` works in bfloat16: 15 times as slow as float32 on a processor without instructions for it.
"""

from collections.abc import Iterable

import torch
from torch import nn


class Muon(torch.optim.Optimizer):
    """Momentum whose update is made nearly orthogonal: https://kellerjordan.github.io/posts/muon/."""

    def __init__(self, parameters: Iterable[nn.Parameter], lr: float, momentum: float) -> None:
        super().__init__(parameters, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                state = self.state[parameter]
                if not state:
                    state["momentum"] = torch.zeros_like(parameter)
                velocity = state["momentum"].lerp_(parameter.grad, 1 - group["momentum"])
                update = orthogonal(parameter.grad.lerp(velocity, group["momentum"]))
                scale = max(1.0, parameter.shape[0] / parameter.shape[1]) ** 0.5
                parameter.add_(update, alpha=-group["lr"] * scale)


def orthogonal(matrix: torch.Tensor) -> torch.Tensor:
    """All singular values near 1, by five Newton-Schulz steps with the coefficients of Muon's author."""
    a, b, c = 3.4445, -4.7750, 2.0315
    x = matrix.T if matrix.shape[0] > matrix.shape[1] else matrix
    x = x / (x.norm() + 1e-7)
    for _ in range(5):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.T if matrix.shape[0] > matrix.shape[1] else x


class MuonWithAdamW(torch.optim.Optimizer):
    """Steps both. A schedule sees the groups of both, and so scales both learning rates."""

    def __init__(self, model: nn.Module, muon: dict[str, float], adamw: dict[str, object]) -> None:
        matrices, others = [], []
        for name, parameter in model.named_parameters():
            is_hidden = parameter.ndim == 2 and "embed" not in name and "lm_head" not in name
            (matrices if is_hidden else others).append(parameter)
        self.parts = (Muon(matrices, **muon), torch.optim.AdamW(others, **adamw))
        super().__init__(matrices + others, {})
        self._take_groups()

    def _take_groups(self) -> None:
        self.param_groups = [group for part in self.parts for group in part.param_groups]

    def step(self, closure: None = None) -> None:
        for part in self.parts:
            part.step()

    def state_dict(self) -> dict[str, object]:
        return {"parts": [part.state_dict() for part in self.parts]}

    def load_state_dict(self, state_dict: dict[str, list[dict[str, object]]]) -> None:
        for part, state in zip(self.parts, state_dict["parts"], strict=True):
            part.load_state_dict(state)
        self._take_groups()
