"""Layers that networks of several families share."""

from torch import Tensor, nn


class Residual(nn.Module):
    """What layers make of x, added to x, or to its shortcut (He et al. 2016, "Deep Residual Learning", eq. 1 and 2)."""

    def __init__(self, *layers: nn.Module, shortcut: nn.Module | None = None):
        super().__init__()
        self.convs = nn.Sequential(*layers)
        self.shortcut = shortcut

    def forward(self, x: Tensor) -> Tensor:
        return self.convs(x) + (x if self.shortcut is None else self.shortcut(x))


class ScaledTanh(nn.Module):
    """scale tanh(x): what keeps a decoder's pixels within -scale and scale."""

    def __init__(self, scale: float):
        super().__init__()
        self.scale = scale

    def forward(self, x: Tensor) -> Tensor:
        return x.tanh() * self.scale
