"""Vector quantisation: swap each vector of a feature map for its nearest codebook entry.

Van den Oord et al. 2017, "Neural Discrete Representation Learning", eq. 1-3 and appendix A.1.
Every quantiser shares one search and one lookup; they differ in how the codebook learns. To add one, subclass
`VectorQuantizer`, give it a title and name it in `QUANTIZERS`: command line and pages offer what stands there.
"""

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vqvae import distributed


class Quantized(NamedTuple):
    """What quantising a feature map gives."""

    vectors: Tensor  # (B, D, H, W), gradients pass straight through to the encoder
    codes: Tensor  # (B, H, W) int64 in [0, K)
    codebook_loss: Tensor  # scalar: pulls the chosen codes towards the encoder's vectors
    commitment_loss: Tensor  # scalar: pulls the encoder's vectors towards the chosen codes


class Found(NamedTuple):
    """What a search of the codebook finds."""

    codes: Tensor  # (B, H, W) int64
    distances: Tensor  # (B, H, W) squared, Euclidean


NEAR = 2**18  # distances at once on a CPU: what its cache holds takes a fifth of the time
DISTANCES = 2**24  # elsewhere at once: 64 MB, and all those of 500 digits to 128 codes five times over


class VectorQuantizer(nn.Module):
    """The tutorial's quantiser, `gradient`: the codebook is an `nn.Embedding`, moved by the optimiser (eq. 3)."""

    title = "Gradient"  # as pages call it
    DEAD_SHARE = 0.02  # a code used less than this share of an even usage counts as dead
    TRIAL = 0.1  # of an even usage: what a replaced code begins with, so that it lasts for some batches of trial
    TEMPERATURE = 0.01  # of the soft choice behind the entropy bonus, as MAGVIT's code has it for squared distances
    counts: Tensor  # (K,) N_i, vectors a batch

    def __init__(self, num_embeddings: int, embedding_dim: int, codebook: Tensor | None = None, decay: float = 0.99):
        """The codebook starts as N(0, 1), or as the one given: (K, D). `decay` is that of the moving averages."""
        super().__init__()
        if codebook is None:
            self.embeddings = nn.Embedding(num_embeddings, embedding_dim)
        else:
            self.embeddings = nn.Embedding.from_pretrained(codebook, freeze=False)
        self.decay = decay
        # Not persistent: the model's state dict stays the tutorial's thirteen tensors. And as no
        # file fills it, it is real even where a model is laid out without memory.
        self.register_buffer("counts", torch.ones(num_embeddings, device="cpu"), persistent=False)

    @property
    def codebook(self) -> Tensor:
        """The vectors that codes stand for: (K, D)."""
        return self.embeddings.weight

    def distances(self, z: Tensor) -> Tensor:
        """Squared Euclidean distance from every position to every code: (B, D, H, W) -> (B, H, W, K).

        Raises ValueError where `z` is not a feature map of D channels.
        """
        return self._distances(self._vectors(z))

    def _vectors(self, z: Tensor) -> Tensor:
        """(B, D, H, W) -> (B, H, W, D)."""
        D = self.codebook.shape[1]
        if z.ndim != 4 or z.shape[1] != D:
            raise ValueError(f"expected latents of shape (B, {D}, H, W), got {tuple(z.shape)}")
        return z.permute(0, 2, 3, 1)

    def _distances(self, vectors: Tensor) -> Tensor:
        """(..., D) -> (..., K), in place: at large K, memory takes longer than the products."""
        codebook = self.codebook
        to_origin = vectors.square().sum(-1, keepdim=True)
        products = vectors @ codebook.t()
        # |z - e|^2 = |z|^2 - 2 z.e + |e|^2; rounding can push a zero distance just under zero
        return products.mul_(-2).add_(to_origin).add_(codebook.square().sum(-1)).clamp_min_(0)

    def nearest(self, z: Tensor) -> Tensor:
        """The code nearest to every position: (B, D, H, W) -> (B, H, W) int64. The lowest index wins a tie (eq. 1)."""
        return self.search(z).codes

    @torch.no_grad()
    def search(self, z: Tensor) -> "Found":
        """The nearest code of every position and how far it is: (B, D, H, W) -> `Found`, in bounded memory."""
        vectors = self._vectors(z)
        parts = [self._distances(part).min(-1) for part in self._bounded(vectors)]
        codes, distances = torch.cat([part.indices for part in parts]), torch.cat([part.values for part in parts])
        return Found(codes.view(vectors.shape[:-1]), distances.view(vectors.shape[:-1]))

    @torch.no_grad()
    def two_nearest(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """The nearest code of every position and the next nearest one: (B, D, H, W) -> (B, H, W) int64 each."""
        vectors, both = self._vectors(z), []
        for part in self._bounded(vectors):
            distances = self._distances(part)
            nearest = distances.argmin(-1, keepdim=True)
            both.append((nearest.squeeze(-1), distances.scatter_(-1, nearest, torch.inf).argmin(-1)))
        first, second = (torch.cat(codes).view(vectors.shape[:-1]) for codes in zip(*both, strict=True))
        return first, second

    def _bounded(self, vectors: Tensor) -> tuple[Tensor, ...]:
        """Vectors (..., D) as slices (n, D) so small that their distances to all codes fit into fast memory."""
        most = NEAR if vectors.device.type == "cpu" else DISTANCES
        return vectors.reshape(-1, vectors.shape[-1]).split(max(1, most // len(self.codebook)))

    def lookup(self, codes: Tensor) -> Tensor:
        """The vectors of codes: (B, H, W) int64 in [0, K) -> (B, D, H, W) (eq. 2).

        Raises as `check_codes` does.
        """
        self.check_codes(codes)
        return F.embedding(codes, self.codebook).permute(0, 3, 1, 2)

    def check_codes(self, codes: Tensor) -> None:
        """Raises TypeError for codes that are not whole numbers, ValueError for another shape or range."""
        if codes.dtype not in (torch.int64, torch.int32):
            raise TypeError(f"expected int64 codes, got {codes.dtype}")
        if codes.ndim != 3:
            raise ValueError(f"expected codes of shape (B, H, W), got {tuple(codes.shape)}")
        K = self.embeddings.num_embeddings
        if codes.numel() and not (0 <= codes.min() and codes.max() < K):
            raise ValueError(f"expected codes from 0 to {K - 1}, got {int(codes.min())} to {int(codes.max())}")

    def forward(self, z: Tensor) -> Quantized:
        """Quantise a feature map: (B, D, H, W) -> `Quantized`."""
        codes = self.nearest(z)
        chosen = F.embedding(codes, self.codebook).permute(0, 3, 1, 2)  # (B, D, H, W)
        return Quantized(
            vectors=self.straight_through(z, chosen),
            codes=codes,
            codebook_loss=self.codebook_loss(z, chosen),
            commitment_loss=self.commitment_loss(z, chosen),
        )

    def entropy_loss(self, z: Tensor) -> Tensor:
        """How unsure each cell of (B, D, H, W) is of its code, minus how evenly all use the codes: a scalar, in nats.

        E[H(q)] - H(E[q]) over soft choices q = softmax(-|z - e|^2 / temperature); its weight is the entropy bonus
        (Yu et al. 2023, "Language Model Beats Diffusion", section 3.1; Jansen et al. 2019).
        """
        log_q = (-self.distances(z) / self.TEMPERATURE).log_softmax(-1)  # (B, H, W, K)
        q = log_q.exp()
        unsure = distributed.mean(-(q * log_q).sum(-1).mean(), len(z))
        evenly = distributed.mean(q.mean((0, 1, 2)), len(z)).clamp_min(
            torch.finfo(q.dtype).tiny
        )  # at 0 the slope of entropy is infinite
        return unsure - torch.special.entr(evenly).sum()

    # What a quantiser may do in its own way.

    def straight_through(self, z: Tensor, chosen: Tensor) -> Tensor:
        """The straight-through estimator: the value of `chosen`, the gradient of `z`, both (B, D, H, W)."""
        return z + (chosen - z).detach()

    def codebook_loss(self, z: Tensor, chosen: Tensor) -> Tensor:
        """|| sg[z_e] - e ||^2, a mean over all elements (eq. 3, second term)."""
        return F.mse_loss(chosen, z.detach())

    def commitment_loss(self, z: Tensor, chosen: Tensor) -> Tensor:
        """|| z_e - sg[e] ||^2, a mean over all elements (eq. 3, third term, before its weight)."""
        return F.mse_loss(z, chosen.detach())

    @staticmethod
    def levels(num_embeddings: int, embedding_dim: int) -> tuple[int, ...] | None:
        """The values that each number of a bounded latent may take. Here: None, latents are not bounded."""
        return None

    def prepare(self, generator: torch.Generator) -> None:
        """Take what chance the next training batch needs. Here: none."""

    def init_from(self, vectors: Tensor, seed: int) -> None:
        """Start the codebook as the k-means centres of encodings: (N, D). Where N < K, encodings repeat."""
        from sklearn.cluster import KMeans  # a second to import, and needed once a run
        from threadpoolctl import threadpool_limits

        K = self.embeddings.num_embeddings
        if len(vectors) <= K:
            centres = vectors.detach().repeat(-(-K // len(vectors)), 1)[:K]
        else:
            # Several threads add up the centres in no fixed order: one thread keeps the seed's promise.
            with threadpool_limits(limits=1):
                means = KMeans(K, n_init=1, max_iter=50, random_state=seed).fit(vectors.detach().cpu().numpy())
            centres = torch.from_numpy(means.cluster_centers_)
        self.init_at(distributed.from_first(centres))

    @torch.no_grad()
    def init_at(self, codebook: Tensor) -> None:
        """Start at a codebook: (K, D)."""
        self.embeddings.weight.copy_(codebook)
        self.counts.fill_(1.0)

    @torch.no_grad()
    def update(self, z: Tensor, codes: Tensor) -> None:
        """Learn from one training batch outside the optimiser: (B, D, H, W), (B, H, W). Here: count the codes."""
        uses = distributed.total(torch.bincount(codes.flatten(), minlength=len(self.counts)))
        self.counts.lerp_(uses.to(self.counts.dtype), 1 - self.decay)

    @torch.no_grad()
    def replace_dead_codes(self, z: Tensor, generator: torch.Generator) -> Tensor:
        """Move dead codes onto random encodings of this batch (B, D, H, W); those that moved: (M,) int64."""
        even = self.counts.sum() / len(self.counts)
        dead = distributed.from_first(self.counts < self.DEAD_SHARE * even).nonzero().flatten()
        if len(dead):
            vectors = distributed.gather(z.detach().permute(0, 2, 3, 1).reshape(-1, z.shape[1]))
            picks = torch.randint(len(vectors), (len(dead),), generator=generator)
            self.replace(dead, vectors[picks.to(vectors.device)], count=float(self.TRIAL * even))
        return dead

    @torch.no_grad()
    def replace(self, codes: Tensor, vectors: Tensor, count: float) -> None:
        """Put codes (M,) at vectors (M, D), as if each had been used `count` times a batch."""
        self.embeddings.weight[codes] = vectors
        self.counts[codes] = count

    def training_state(self) -> dict[str, Tensor]:
        """What `update` needs to go on after a resume, beyond the model's own tensors."""
        return {"counts": self.counts}


class EMAQuantizer(VectorQuantizer):
    """`ema`: each code is a moving average of the vectors assigned to it (van den Oord et al. 2017, appendix A.1).

    The optimiser never sees the codebook; `update` moves it, and `forward` changes nothing.
    """

    title = "Moving average (EMA)"
    sums: Tensor  # (K, D) m_i

    def __init__(self, num_embeddings: int, embedding_dim: int, decay: float = 0.99):
        super().__init__(num_embeddings, embedding_dim, decay=decay)
        self.embeddings.weight.requires_grad_(False)
        self.register_buffer("sums", self.embeddings.weight.clone(), persistent=False)

    def codebook_loss(self, z: Tensor, chosen: Tensor) -> Tensor:
        return z.new_zeros(())

    def init_at(self, codebook: Tensor) -> None:
        super().init_at(codebook)
        self.sums.copy_(self.embeddings.weight)

    @torch.no_grad()
    def update(self, z: Tensor, codes: Tensor) -> None:
        """One step of the moving averages: z (B, D, H, W) and its codes (B, H, W).

        N_i <- decay N_i + (1 - decay) n_i;  m_i <- decay m_i + (1 - decay) sum of z assigned to i;  e_i <- m_i / N_i.
        """
        K = len(self.counts)
        vectors = z.detach().permute(0, 2, 3, 1).reshape(-1, z.shape[1])  # (N, D)
        assigned = F.one_hot(codes.flatten(), K).to(vectors.dtype)  # (N, K)
        self.counts.lerp_(distributed.total(assigned.sum(0)), 1 - self.decay)
        self.sums.lerp_(distributed.total(assigned.t() @ vectors), 1 - self.decay)
        # A code that is not used keeps its place: both averages shrink alike, until their ratio means nothing.
        alive = (self.counts > 1e-5).unsqueeze(1)  # (K, 1)
        self.embeddings.weight.copy_(torch.where(alive, self.sums / self.counts.unsqueeze(1), self.embeddings.weight))

    @torch.no_grad()
    def replace(self, codes: Tensor, vectors: Tensor, count: float) -> None:
        super().replace(codes, vectors, count)
        self.sums[codes] = vectors * count

    def training_state(self) -> dict[str, Tensor]:
        return {"counts": self.counts, "sums": self.sums}


class RotationQuantizer(VectorQuantizer):
    """`rotation`: the rotation trick (Fifty et al. 2024, "Restructuring Vector Quantization with the Rotation Trick").

    The vector is carried onto its code by a rotation R and a scale, both held constant for the gradient (section 4.2):
    q = |q| / |e| R e, so that the gradient reaching the encoder keeps its angle to the code.
    """

    title = "Rotation trick"

    def straight_through(self, z: Tensor, chosen: Tensor) -> Tensor:
        length, target = (v.detach().norm(dim=1, keepdim=True).clamp_min(1e-12) for v in (z, chosen))  # (B, 1, H, W)
        e, q = z.detach() / length, chosen.detach() / target  # unit vectors
        middle = F.normalize(e + q, dim=1, eps=1e-12)
        # R = I - 2 r r^T + 2 q e^T, with r halfway between e and q
        along_middle, along_e = ((z * axis).sum(1, keepdim=True) for axis in (middle, e))  # (B, 1, H, W)
        return (z - 2 * middle * along_middle + 2 * q * along_e) * (target / length)


class SimVQ(VectorQuantizer):
    """`simvq`: a frozen random codebook behind one learned linear layer (Zhu et al. 2024, "Addressing Representation
    Collapse in Vector Quantized Models with One Linear Layer", algorithm 1).

    Every step moves the layer, and so every code at once. Checkpoints keep the product, the effective codebook.
    """

    title = "SimVQ"

    def __init__(self, num_embeddings: int, embedding_dim: int):
        super().__init__(num_embeddings, embedding_dim)
        with torch.no_grad():
            self.embeddings.weight.mul_(embedding_dim**-0.5)
        self.embeddings.weight.requires_grad_(False)
        self.projection = nn.Linear(embedding_dim, embedding_dim, bias=False)

    @property
    def codebook(self) -> Tensor:
        return self.projection(self.embeddings.weight)

    def init_at(self, codebook: Tensor) -> None:
        super().init_at(codebook)
        nn.init.eye_(self.projection.weight)  # so that the effective codebook is the one given

    def replace_dead_codes(self, z: Tensor, generator: torch.Generator) -> Tensor:
        """None: the layer moves all codes at once, and none alone."""
        return torch.empty(0, dtype=torch.int64)


class DiVeQ(VectorQuantizer):
    """`diveq`: the quantisation error as noise (Vali, Bäckström and Solin 2025, "DiVeQ: Differentiable Vector
    Quantization Using the Reparameterization Trick").

    z_q = z + |e - z| sg[(e - z + v) / |e - z + v|], v ~ N(0, s^2 I): nearly the code, and its gradient reaches code and
    encoder alike, so that neither codebook nor commitment loss is needed. Outside of training z_q is the code itself.
    """

    title = "DiVeQ"
    NOISE = 1e-3  # s: the default of the authors' own package, which draws N(0, 1e-3) with 1e-3 as standard deviation

    def __init__(self, num_embeddings: int, embedding_dim: int):
        super().__init__(num_embeddings, embedding_dim)
        self._generator: torch.Generator | None = None

    def prepare(self, generator: torch.Generator) -> None:
        self._generator = generator

    def straight_through(self, z: Tensor, chosen: Tensor) -> Tensor:
        if not self.training:
            return super().straight_through(z, chosen)
        error = chosen - z  # (B, D, H, W)
        images = int(distributed.total(torch.tensor(len(error))))  # of the whole batch, whose noise all draw alike
        drawn = torch.randn((images, *error.shape[1:]), generator=self._generator)
        noise = self.NOISE * distributed.share(drawn).to(error)
        # A vector upon its code has an error of no direction: its gradient is 0, not NaN.
        length = error.square().sum(1, keepdim=True).clamp_min(1e-24).sqrt()  # (B, 1, H, W)
        return z + length * F.normalize(error + noise, dim=1, eps=1e-12).detach()

    def codebook_loss(self, z: Tensor, chosen: Tensor) -> Tensor:
        return z.new_zeros(())


class FSQ(VectorQuantizer):
    """`fsq`: finite scalar quantisation (Mentzer et al. 2023, "Finite Scalar Quantization: VQ-VAE Made Simple").

    The encoder's last layer bounds each number, and each is rounded to one of a few levels. All combinations of levels
    are the codebook: a fixed grid in [-1, 1], where nothing is learned and nothing can collapse. The nearest point of a
    grid is the rounded one, so search and lookup are those of any codebook.
    """

    title = "FSQ"
    FEWEST = 4  # levels a number: the paper advises five or more, the tutorial's 128 codes leave 8 x 4 x 4

    def __init__(self, num_embeddings: int, embedding_dim: int):
        super().__init__(num_embeddings, embedding_dim, grid(self.levels(num_embeddings, embedding_dim)))
        self.embeddings.weight.requires_grad_(False)

    @staticmethod
    def levels(num_embeddings: int, embedding_dim: int) -> tuple[int, ...]:
        """The bits of a code dealt out evenly, the first numbers one more: (8, 4, 4) for K = 128 and D = 3.

        Raises ValueError where K is no power of two, or D numbers would have too few levels each.
        """
        bits = num_embeddings.bit_length() - 1
        if num_embeddings != 2**bits or num_embeddings < FSQ.FEWEST**embedding_dim:
            raise ValueError(
                f"expected for fsq K as a power of two and at least {FSQ.FEWEST} levels for each of the D numbers, "
                f"such as K = 128 and D = 3, got K = {num_embeddings} and D = {embedding_dim}"
            )
        each, rest = divmod(bits, embedding_dim)
        return tuple(2 ** (each + (number < rest)) for number in range(embedding_dim))

    def codebook_loss(self, z: Tensor, chosen: Tensor) -> Tensor:
        return z.new_zeros(())

    def commitment_loss(self, z: Tensor, chosen: Tensor) -> Tensor:
        return z.new_zeros(())

    def init_from(self, vectors: Tensor, seed: int) -> None:
        """The grid stays as it is."""

    def init_at(self, codebook: Tensor) -> None:
        """The grid stays as it is."""

    def replace_dead_codes(self, z: Tensor, generator: torch.Generator) -> Tensor:
        """None: the grid stays as it is."""
        return torch.empty(0, dtype=torch.int64)


def grid(levels: tuple[int, ...]) -> Tensor:
    """All combinations of L whole levels from -(L // 2) on, over L // 2: (product, D), the last number the fastest."""
    axes = [torch.arange(-(L // 2), L - L // 2) / (L // 2) for L in levels]
    return torch.cartesian_prod(*axes).view(math.prod(levels), len(levels))


QUANTIZERS: dict[str, type[VectorQuantizer]] = {
    "gradient": VectorQuantizer,
    "ema": EMAQuantizer,
    "rotation": RotationQuantizer,
    "simvq": SimVQ,
    "diveq": DiVeQ,
    "fsq": FSQ,
}


INITIALISATIONS = ("normal", "uniform")


def make_quantizer(
    name: str, num_embeddings: int, embedding_dim: int, initialisation: str = "normal"
) -> VectorQuantizer:
    """A fresh quantiser by its name in `QUANTIZERS`; its codebook starts as `initialisation` says.

    "normal" is each quantiser's own, N(0, 1) in torch's and the tutorial's way; "uniform" is U(-1/K, 1/K), as in the
    first author's code: near the latents of an untrained encoder, which are short. Raises ValueError for other names.
    """
    if name not in QUANTIZERS:
        raise ValueError(f"expected a quantizer out of {', '.join(QUANTIZERS)}, got {name!r}")
    if initialisation not in INITIALISATIONS:
        raise ValueError(f"expected an initialisation out of {', '.join(INITIALISATIONS)}, got {initialisation!r}")
    quantizer = QUANTIZERS[name](num_embeddings, embedding_dim)
    if initialisation == "uniform":
        quantizer.init_at(torch.empty(num_embeddings, embedding_dim).uniform_(-1 / num_embeddings, 1 / num_embeddings))
    return quantizer
