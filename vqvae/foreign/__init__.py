"""Other people's checkpoints, recognised by the names and shapes of their tensors: none of their code is run.

A family is one project's way of naming layers. Each becomes an `Autoencoder` of plain torch layers.
"""

import re
from collections.abc import Mapping

from torch import Tensor

from vqvae.foreign import deepmind_style, taming
from vqvae.foreign.reading import NOTHING_SET, Conventions, Foreign, Origin, Settings

__all__ = ["FAMILIES", "NOTHING_SET", "Conventions", "Foreign", "Origin", "Settings", "recognise"]

FAMILIES = (*deepmind_style.FAMILIES, *taming.FAMILIES)
LONGEST_NAME = 200  # letters of a tensor's name
WRAPPERS = r"^(?:module\.|_orig_mod\.)+"  # what DataParallel and torch.compile put before every name
# Tensors of models that are known and have no one grid of codes, and what is missing in them.
OTHERS = {
    r"^quantize_[tb]\.": "VQ-VAE-2, which has two grids of codes, top and bottom",
    r"\bquant_resi\b|^quantize\.ema_vocab_hit": "VAR’s tokenizer, which has grids of codes on several scales",
    r"\b(layers|quantizers)\.\d+\.(_codebook|codebook)\b": "residual quantisation, which has several codes a cell",
    r"^quantize\.(proj|embed)\.": "VQGAN with Gumbel softmax, which chooses codes by logits and not by their distance",
}


def recognise(tensors: Mapping[str, Tensor], settings: Settings = NOTHING_SET) -> Foreign | None:
    """The model that tensors are of, if they are of a family known here; None for any others.

    Raises ValueError, in words without a full stop, for a family's tensors that are incomplete or misshapen, for
    settings that its network cannot have, and for models that are known to have more than one grid of codes.
    """
    if any(len(name) > LONGEST_NAME for name in tensors):
        return None
    for pattern, what in OTHERS.items():
        found = min((name for name in tensors if re.search(pattern, name)), default=None)
        if found is not None:
            raise ValueError(f"expected one grid of codes, got {found[:80]!r}: this is {what}")
    bare = {re.sub(WRAPPERS, "", name): tensor for name, tensor in tensors.items()}
    for family in FAMILIES:
        if any(name.startswith(family.marks) for name in bare):
            return family.build(bare, settings)
    return None
