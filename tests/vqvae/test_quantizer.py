import pytest
import torch
import vector_quantize_pytorch
from torch import Tensor
from vector_quantize_pytorch import SimVQ as LucidrainsSimVQ
from vector_quantize_pytorch import VectorQuantize
from vector_quantize_pytorch.vector_quantize_pytorch import directional_reparam, rotate_to

from vqvae import checkpoint
from vqvae.model import VQVAE, Bound, ModelConfig
from vqvae.quantizer import FSQ, QUANTIZERS, DiVeQ, EMAQuantizer, SimVQ, VectorQuantizer, grid, make_quantizer

K, D = 24, 6

every_quantizer = pytest.mark.parametrize("name", QUANTIZERS)
every_free_codebook = pytest.mark.parametrize("name", [name for name in QUANTIZERS if name != "fsq"])


@pytest.fixture
def z(rng: torch.Generator) -> Tensor:
    return torch.randn(3, D, 4, 5, generator=rng)  # (B, D, H, W)


def quantizer(name: str = "gradient", codebook: Tensor | None = None) -> VectorQuantizer:
    """A quantiser with a given codebook, else one of a fixed seed; FSQ with its own, of as many dimensions."""
    if name == "fsq":
        return make_quantizer(name, 4**D, D)
    if codebook is None:
        codebook = torch.randn(K, D, generator=torch.Generator().manual_seed(1))
    made = make_quantizer(name, *codebook.shape)
    made.load_state_dict({"embeddings.weight": codebook}, strict=False)
    if isinstance(made, SimVQ):
        torch.nn.init.eye_(made.projection.weight)  # so that the codebook is the one given
    if isinstance(made, EMAQuantizer):
        made.sums.copy_(codebook)  # as if every code had seen its own vector once
    return made


def lucidrains(codebook: Tensor, **options: object) -> VectorQuantize:
    """The reference with the same codebook."""
    reference = VectorQuantize(
        dim=codebook.shape[1], codebook_size=len(codebook), accept_image_fmap=True, rotation_trick=False, **options
    )
    reference._codebook.embed.copy_(codebook[None])
    reference._codebook.embed_avg.copy_(codebook[None])
    reference._codebook.cluster_size.fill_(1)
    return reference


# Nearest code


@every_quantizer
def test_each_vector_goes_to_its_nearest_code(name, z):
    vq = quantizer(name)
    codes, codebook = vq(z).codes, vq.codebook.detach()
    for b, row, column in torch.cartesian_prod(*map(torch.arange, codes.shape)):
        by_hand = [float((z[b, :, row, column] - code).square().sum()) for code in codebook]
        assert codes[b, row, column] == min(range(len(codebook)), key=by_hand.__getitem__)


def test_distances_are_squared_and_euclidean(z):
    vq = quantizer()
    differences = z.permute(0, 2, 3, 1).unsqueeze(-2) - vq.codebook  # (B, H, W, K, D)
    torch.testing.assert_close(vq.distances(z), differences.square().sum(-1), rtol=1e-4, atol=1e-5)


def test_a_distance_is_never_below_zero():
    codebook = torch.full((2, D), 1000.3)
    assert (quantizer(codebook=codebook).distances(codebook.view(2, D, 1, 1)) >= 0).all()


def test_the_lowest_code_wins_a_tie():
    codebook = torch.tensor([[3.0, 0.0], [1.0, 0.0], [-1.0, 0.0], [1.0, 0.0]])
    assert quantizer(codebook=codebook).nearest(torch.zeros(1, 2, 1, 1)).item() == 1


def test_codes_vectors_and_commitment_agree_with_lucidrains(z):
    vq = quantizer()
    reference = lucidrains(vq.codebook.detach(), commitment_weight=1.0).train()
    expected, codes, loss = reference(z, freeze_codebook=True)
    got = vq(z)
    assert torch.equal(got.codes, codes)
    torch.testing.assert_close(got.vectors, expected)
    torch.testing.assert_close(got.commitment_loss, loss.squeeze())


def test_a_codebook_of_one_code_gives_that_code_everywhere(z):
    got = quantizer(codebook=torch.ones(1, D))(z)
    assert (got.codes == 0).all()
    torch.testing.assert_close(got.vectors, torch.ones_like(z))


@every_quantizer
def test_shapes_are_those_of_the_feature_map(name, z):
    got = quantizer(name)(z)
    assert got.vectors.shape == z.shape
    assert got.codes.shape == (3, 4, 5)
    assert got.codes.dtype == torch.int64
    assert got.codebook_loss.shape == got.commitment_loss.shape == ()


@pytest.mark.parametrize("shape", [(D, 4, 5), (1, D + 1, 4, 5), (1, 4, 5, D)])
def test_latents_of_another_shape_are_refused(shape):
    with pytest.raises(ValueError, match=rf"expected latents of shape \(B, {D}, H, W\), got"):
        quantizer()(torch.zeros(shape))


# Lookup


def test_lookup_gives_each_position_the_vector_of_its_code():
    vq = quantizer()
    codes = torch.tensor([[[0, 5], [K - 1, 5]]])
    vectors = vq.lookup(codes)
    assert vectors.shape == (1, D, 2, 2)
    assert torch.equal(vectors[0, :, 1, 0], vq.codebook[K - 1])
    assert torch.equal(vectors[0, :, 0, 1], vectors[0, :, 1, 1])


def test_a_code_is_nearest_to_its_own_vector():
    codes = torch.arange(K).view(1, 4, 6)
    assert torch.equal(quantizer().nearest(quantizer().lookup(codes)), codes)


@pytest.mark.parametrize("code", [-1, K])
def test_codes_out_of_range_are_refused(code):
    with pytest.raises(ValueError, match=f"expected codes from 0 to {K - 1}, got 0 to {K}|got -1 to 0"):
        quantizer().lookup(torch.tensor([[[0, code]]]))


def test_codes_that_are_no_whole_numbers_are_refused():
    with pytest.raises(TypeError, match=r"expected int64 codes, got torch\.float32"):
        quantizer().lookup(torch.zeros(1, 2, 2))


def test_codes_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"expected codes of shape \(B, H, W\), got \(2, 2\)"):
        quantizer().lookup(torch.zeros(2, 2, dtype=torch.int64))


# Gradients


@pytest.mark.parametrize("name", ["gradient", "ema", "simvq"])
def test_the_gradient_passes_straight_through_to_the_encoder(name, z, rng):
    vq = quantizer(name)
    z.requires_grad_()
    got = vq(z)
    torch.testing.assert_close(got.vectors, vq.lookup(got.codes))  # the value is the code's
    upstream = torch.randn(z.shape, generator=rng)
    got.vectors.backward(upstream)
    assert torch.equal(z.grad, upstream)  # the gradient is the decoder's, unchanged
    assert vq.embeddings.weight.grad is None


def test_the_codebook_loss_moves_only_codes_and_by_the_gradient_of_its_formula(z):
    vq = quantizer()
    z.requires_grad_()
    got = vq(z)
    got.codebook_loss.backward()
    expected = torch.zeros(K, D)
    vectors = z.detach().permute(0, 2, 3, 1).reshape(-1, D)
    for vector, code in zip(vectors, got.codes.flatten(), strict=True):
        expected[code] += 2 * (vq.codebook[code].detach() - vector) / z.numel()
    torch.testing.assert_close(vq.embeddings.weight.grad, expected)
    assert z.grad is None


@every_free_codebook
def test_the_commitment_loss_moves_only_the_encoder_and_by_the_gradient_of_its_formula(name, z):
    vq = quantizer(name)
    z.requires_grad_()
    got = vq(z)
    got.commitment_loss.backward()
    torch.testing.assert_close(z.grad, 2 * (z - vq.lookup(got.codes)).detach() / z.numel())
    assert vq.embeddings.weight.grad is None


def test_the_loss_terms_are_means_over_all_elements(z):
    got = quantizer()(z)
    by_hand = (z - quantizer().lookup(got.codes)).square().mean()
    torch.testing.assert_close(got.codebook_loss, by_hand)
    torch.testing.assert_close(got.commitment_loss, by_hand)


def test_the_moving_average_has_no_codebook_loss_and_nothing_for_the_optimiser(z):
    vq = quantizer("ema")
    assert vq(z).codebook_loss == 0
    assert not any(parameter.requires_grad for parameter in vq.parameters())


# The rotation trick (Fifty et al. 2024)


def test_the_rotation_carries_each_vector_onto_its_code(z):
    vq = quantizer("rotation")
    got = vq(z)
    torch.testing.assert_close(got.vectors, vq.lookup(got.codes))


def test_the_rotation_tricks_gradient_keeps_its_angle_to_the_code(z, rng):
    vq = quantizer("rotation")
    z.requires_grad_()
    got = vq(z)
    upstream = torch.randn(z.shape, generator=rng)
    got.vectors.backward(upstream)
    chosen, vectors = vq.lookup(got.codes).detach(), z.detach()
    # R is orthogonal: the angle between gradient and vector is that between upstream gradient and code
    torch.testing.assert_close(
        torch.cosine_similarity(z.grad, vectors, dim=1), torch.cosine_similarity(upstream, chosen, dim=1)
    )
    scale = chosen.norm(dim=1) / vectors.norm(dim=1)
    torch.testing.assert_close(z.grad.norm(dim=1), upstream.norm(dim=1) * scale)


def test_the_rotation_trick_agrees_with_lucidrains(z, rng):
    vq = quantizer("rotation")
    ours, theirs = z.clone().requires_grad_(), z.clone().requires_grad_()
    got = vq(ours)
    chosen = vq.lookup(got.codes).detach()
    reference = rotate_to(theirs.permute(0, 2, 3, 1), chosen.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
    torch.testing.assert_close(got.vectors, reference)
    upstream = torch.randn(z.shape, generator=rng)
    got.vectors.backward(upstream)
    reference.backward(upstream)
    torch.testing.assert_close(ours.grad, theirs.grad)


def test_a_vector_at_the_origin_gets_finite_values_and_gradients():
    z = torch.zeros(1, D, 1, 1, requires_grad=True)
    vectors = quantizer("rotation")(z).vectors
    vectors.sum().backward()
    assert torch.isfinite(vectors).all()
    assert torch.isfinite(z.grad).all()


# One linear layer (Zhu et al. 2024)


def test_simvqs_codebook_is_the_layers_image_of_a_frozen_one():
    vq = make_quantizer("simvq", K, D)
    torch.testing.assert_close(vq.codebook, vq.embeddings.weight @ vq.projection.weight.t())
    assert [name for name, parameter in vq.named_parameters() if parameter.requires_grad] == ["projection.weight"]


def test_simvq_agrees_with_lucidrains(z):
    vq = make_quantizer("simvq", K, D)
    reference = LucidrainsSimVQ(dim=D, codebook_size=K, channel_first=True, rotation_trick=False)
    reference.frozen_codebook.copy_(vq.embeddings.weight)
    reference.code_transform.weight.data.copy_(vq.projection.weight)
    got = vq(z)
    vectors, codes, loss = reference(z)
    assert torch.equal(got.codes, codes)
    torch.testing.assert_close(got.vectors, vectors)
    torch.testing.assert_close(got.codebook_loss + 0.25 * got.commitment_loss, loss)
    got.codebook_loss.backward()
    loss.backward()
    torch.testing.assert_close(vq.projection.weight.grad, reference.code_transform.weight.grad)


# The error as noise (Vali et al. 2025)


def diveq(seed: int = 3) -> DiVeQ:
    """A quantiser in training whose noise is drawn by this seed."""
    vq = quantizer("diveq").train()
    vq.prepare(torch.Generator().manual_seed(seed))
    return vq


def test_diveqs_error_is_as_long_as_the_way_to_the_code_and_nearly_of_its_direction(z):
    vq = diveq()
    got = vq(z)
    way, error = vq.lookup(got.codes) - z, got.vectors - z
    torch.testing.assert_close(error.norm(dim=1), way.norm(dim=1))
    noise = DiVeQ.NOISE * torch.randn(z.shape, generator=torch.Generator().manual_seed(3))
    torch.testing.assert_close(error, torch.nn.functional.normalize(way + noise, dim=1) * way.norm(dim=1, keepdim=True))
    assert not torch.equal(error, way)


def test_diveqs_gradients_are_those_of_its_formula(z, rng):
    vq = diveq()
    z.requires_grad_()
    got = vq(z)
    upstream = torch.randn(z.shape, generator=rng)
    got.vectors.backward(upstream)
    way = (vq.lookup(got.codes) - z).detach()
    along = torch.nn.functional.normalize(way, dim=1)  # d |e - z| / de
    drawn = ((got.vectors - z) / way.norm(dim=1, keepdim=True)).detach()  # sg[...]
    reaching = (upstream * drawn).sum(1, keepdim=True) * along  # (B, D, H, W)
    torch.testing.assert_close(z.grad, upstream - reaching)
    expected = torch.zeros_like(vq.codebook)
    expected.index_add_(0, got.codes.flatten(), reaching.permute(0, 2, 3, 1).reshape(-1, D))
    torch.testing.assert_close(vq.embeddings.weight.grad, expected)


def test_diveq_agrees_with_lucidrains(z, monkeypatch):
    vq = diveq()
    got = vq(z)
    noise = torch.randn(z.shape, generator=torch.Generator().manual_seed(3)).permute(0, 2, 3, 1)
    monkeypatch.setattr(torch, "randn_like", lambda like: noise)
    source, target = (v.permute(0, 2, 3, 1) for v in (z, vq.lookup(got.codes)))
    theirs = directional_reparam(source, target, noise_variance=DiVeQ.NOISE**2).permute(0, 3, 1, 2)
    torch.testing.assert_close(got.vectors, theirs)


def test_diveqs_noise_is_its_generators(z):
    assert torch.equal(diveq(3)(z).vectors, diveq(3)(z).vectors)
    assert not torch.equal(diveq(3)(z).vectors, diveq(4)(z).vectors)


def test_outside_of_training_diveq_gives_the_codes_themselves(z):
    vq = quantizer("diveq").eval()
    got = vq(z)
    torch.testing.assert_close(got.vectors, vq.lookup(got.codes))


def test_a_vector_upon_its_code_has_a_finite_gradient():
    z = torch.zeros(1, 2, 1, 1, requires_grad=True)
    vq = make_quantizer("diveq", 1, 2).train()
    vq.init_at(torch.zeros(1, 2))
    vq(z).vectors.sum().backward()
    assert torch.isfinite(z.grad).all()
    assert torch.isfinite(vq.embeddings.weight.grad).all()


# A grid of levels (Mentzer et al. 2023)


def test_the_bits_of_a_code_are_dealt_out_evenly():
    assert FSQ.levels(128, 3) == (8, 4, 4)
    assert FSQ.levels(512, 4) == (8, 4, 4, 4)
    assert FSQ.levels(16, 1) == (16,)


@pytest.mark.parametrize(("K", "D"), [(128, 16), (128, 4), (100, 3), (2, 1), (1, 1)])
def test_sizes_that_fsq_cannot_have_are_refused_in_a_sentence(K, D):
    with pytest.raises(ValueError, match=f"expected for fsq K as a power of two .+, got K = {K} and D = {D}"):
        make_quantizer("fsq", K, D)


@pytest.mark.parametrize("levels", [(8, 4, 4), (5, 3)])
def test_fsq_agrees_with_lucidrains(levels, rng):
    reference = vector_quantize_pytorch.FSQ(list(levels), channel_first=True)
    z = 3 * torch.randn(4, len(levels), 6, 5, generator=rng)
    theirs, ours = z.clone().requires_grad_(), z.clone().requires_grad_()
    vectors, _ = reference(theirs)
    vq = VectorQuantizer(*grid(levels).shape, grid(levels))
    got = vq(Bound(levels)(ours))
    torch.testing.assert_close(got.vectors, vectors)
    upstream = torch.randn(z.shape, generator=rng)
    vectors.backward(upstream)
    got.vectors.backward(upstream)
    torch.testing.assert_close(ours.grad, theirs.grad)
    assert {tuple(code) for code in grid(levels).tolist()} == {
        tuple(code) for code in reference.implicit_codebook.tolist()
    }


def test_the_nearest_point_of_the_grid_is_the_rounded_one(rng):
    bounded = Bound((8, 4, 4))(3 * torch.randn(40, 3, 6, 5, generator=rng))
    half = torch.tensor([4, 2, 2]).view(-1, 1, 1)  # of the levels lie below 0
    got = make_quantizer("fsq", 128, 3)(bounded)
    torch.testing.assert_close(got.vectors, (bounded * half).round() / half)
    assert len(got.codes.unique()) > 100


def test_a_bound_reaches_every_level_keeps_zero_and_has_the_slope_of_tanh():
    bound, half = Bound((8, 4, 4)), torch.tensor([4.0, 2.0, 2.0])
    ends = bound(torch.tensor([-30.0, 0.0, 30.0]).view(3, 1, 1, 1).expand(3, 3, 1, 1)).flatten(1) * half
    torch.testing.assert_close(ends.round(), torch.tensor([[-4.0, -2.0, -2.0], [0.0, 0.0, 0.0], [3.0, 1.0, 1.0]]))
    assert torch.equal(ends[1], torch.zeros(3))
    z = torch.randn(1, 3, 2, 2, requires_grad=True)
    bound(z).sum().backward()
    torch.testing.assert_close(z.grad, (1 - (z + bound.shift).tanh().square()).detach() * bound.scale)


def test_fsq_has_nothing_to_learn_and_nothing_moves_its_grid(rng):
    vq = make_quantizer("fsq", 128, 3, "uniform")
    z = torch.rand(2, 3, 4, 4, generator=rng)
    got = vq(z)
    assert got.codebook_loss == got.commitment_loss == 0
    assert not any(parameter.requires_grad for parameter in vq.parameters())
    vq.init_from(z.permute(0, 2, 3, 1).flatten(0, 2), 0)
    vq.counts.zero_()
    vq.update(z, got.codes)
    assert not len(vq.replace_dead_codes(z, rng))
    assert torch.equal(vq.codebook, grid((8, 4, 4)))


# The entropy bonus (Yu et al. 2023)


def test_the_entropy_loss_is_that_of_its_formula_and_so_is_its_gradient(rng):
    """By hand: with s = -d / T and q = softmax(s), dH(q)/ds_k = -q_k (log q_k + H(q))."""
    codebook = 0.1 * torch.randn(5, 3, generator=rng, dtype=torch.float64)
    vq = VectorQuantizer(5, 3, codebook)
    z = (0.1 * torch.randn(2, 3, 2, 2, generator=rng, dtype=torch.float64)).requires_grad_()
    loss = vq.entropy_loss(z)
    loss.backward()
    vectors = z.detach().permute(0, 2, 3, 1).reshape(-1, 3)  # (N, D)
    N = len(vectors)
    q = torch.stack([torch.stack([(-(v - e).square().sum() / 0.01).exp() for e in codebook]) for v in vectors])
    q /= q.sum(1, keepdim=True)
    mean = q.mean(0)
    H, whole = -(q * q.log()).sum(1, keepdim=True), -(mean * mean.log()).sum()
    torch.testing.assert_close(loss.detach(), H.mean() - whole)
    unsure = -q * (q.log() + H) / N  # (N, K), by the scores
    evenly = -q * (mean.log() - (q * mean.log()).sum(1, keepdim=True)) / N
    by_scores = unsure - evenly
    expected = (by_scores.unsqueeze(-1) * -2 * (vectors.unsqueeze(1) - codebook) / 0.01).sum(1)
    torch.testing.assert_close(z.grad.permute(0, 2, 3, 1).reshape(-1, 3), expected)


def test_the_entropy_loss_has_a_finite_gradient_where_a_code_is_out_of_reach():
    vq = VectorQuantizer(2, 1, torch.tensor([[0.0], [100.0]]))
    z = torch.zeros(1, 1, 2, 2, requires_grad=True)
    vq.entropy_loss(z).backward()
    assert torch.isfinite(z.grad).all()
    assert torch.isfinite(vq.embeddings.weight.grad).all()


def test_the_entropy_loss_is_lowest_where_cells_are_sure_and_all_codes_in_use():
    vq = VectorQuantizer(4, 1, torch.tensor([[0.0], [1.0], [2.0], [3.0]]))
    sure_of_all = vq.entropy_loss(torch.tensor([0.0, 1.0, 2.0, 3.0]).view(1, 1, 2, 2))
    sure_of_one = vq.entropy_loss(torch.zeros(1, 1, 2, 2))
    torch.testing.assert_close(sure_of_all, -torch.tensor(4.0).log())
    torch.testing.assert_close(sure_of_one, torch.tensor(0.0))


# Moving averages


def test_an_update_moves_each_code_as_the_written_out_example():
    vq = EMAQuantizer(2, 1, decay=0.9)
    vq.load_state_dict({"embeddings.weight": torch.tensor([[0.0], [10.0]])})
    vq.sums.copy_(torch.tensor([[0.0], [10.0]]))  # N = (1, 1), m = (0, 10)
    z = torch.tensor([1.0, 3.0, 14.0]).view(1, 1, 1, 3)
    vq.update(z, vq.nearest(z))
    # code 0 got 1 and 3: N = 0.9 * 1 + 0.1 * 2 = 1.1, m = 0.9 * 0 + 0.1 * 4 = 0.4
    # code 1 got 14:      N = 0.9 * 1 + 0.1 * 1 = 1.0, m = 0.9 * 10 + 0.1 * 14 = 10.4
    torch.testing.assert_close(vq.counts, torch.tensor([1.1, 1.0]))
    torch.testing.assert_close(vq.sums, torch.tensor([[0.4], [10.4]]))
    torch.testing.assert_close(vq.codebook, torch.tensor([[0.4 / 1.1], [10.4]]))


def test_updates_agree_with_lucidrains(rng):
    vq = quantizer("ema")
    reference = lucidrains(vq.codebook.clone(), decay=vq.decay, eps=0.0).train()
    for _ in range(5):
        z = torch.randn(4, D, 5, 5, generator=rng)
        reference(z)
        vq.update(z, vq(z).codes)
        torch.testing.assert_close(vq.codebook, reference.codebook, rtol=1e-4, atol=1e-5)


def test_a_code_without_vectors_keeps_its_place_for_ever():
    vq = EMAQuantizer(2, 1, decay=0.5)
    vq.load_state_dict({"embeddings.weight": torch.tensor([[0.0], [10.0]])})
    vq.sums.copy_(vq.codebook)
    z = torch.zeros(1, 1, 1, 8)
    for _ in range(200):  # half to the power of 200 is 0 in float32
        vq.update(z, torch.zeros(1, 1, 8, dtype=torch.int64))
    torch.testing.assert_close(vq.codebook, torch.tensor([[0.0], [10.0]]), rtol=1e-2, atol=0)


@every_quantizer
@pytest.mark.parametrize("training", [True, False])
def test_looking_changes_nothing(name, training, z):
    vq = quantizer(name).train(training)
    before = {key: value.clone() for key, value in [*vq.named_parameters(), *vq.named_buffers()]}
    vq(z)
    for key, value in [*vq.named_parameters(), *vq.named_buffers()]:
        assert torch.equal(value, before[key])


# The start


@every_free_codebook
def test_the_k_means_start_finds_the_centres_of_clusters(name, rng):
    centres = torch.tensor([[0.0, 0.0], [100.0, 0.0], [0.0, 100.0]])
    vectors = (centres.repeat_interleave(50, 0) + torch.randn(150, 2, generator=rng))[
        torch.randperm(150, generator=rng)
    ]
    vq = make_quantizer(name, 3, 2)
    vq.init_from(vectors, seed=0)
    found = vq.codebook.detach()[torch.cdist(centres, vq.codebook.detach()).argmin(1)]
    torch.testing.assert_close(found, centres, atol=0.6, rtol=0)


def test_the_k_means_start_depends_on_nothing_but_its_seed(rng):
    vectors = torch.randn(500, D, generator=rng)
    starts = []
    for seed in (0, 0, 1):
        vq = make_quantizer("ema", K, D)
        vq.init_from(vectors, seed)
        starts.append(vq.codebook.clone())
    assert torch.equal(starts[0], starts[1])
    assert not torch.equal(starts[0], starts[2])


def test_moving_averages_begin_at_the_k_means_centres(rng):
    vq = make_quantizer("ema", K, D)
    vq.init_from(torch.randn(500, D, generator=rng), seed=0)
    assert torch.equal(vq.sums, vq.codebook * vq.counts.unsqueeze(1))
    assert (vq.counts == 1).all()


@pytest.mark.filterwarnings("error")
@every_free_codebook
def test_fewer_vectors_than_codes_start_a_codebook_too(name):
    vq = make_quantizer(name, 8, 2)
    vectors = torch.tensor([[0.0, 1.0], [5.0, 5.0], [9.0, 0.0]])
    vq.init_from(vectors, seed=0)
    assert {tuple(code) for code in vq.codebook.tolist()} == {tuple(vector) for vector in vectors.tolist()}


@every_free_codebook
def test_a_uniform_start_has_every_number_within_one_over_k(name):
    vq = make_quantizer(name, 512, 4, "uniform")
    codebook = vq.codebook.detach() * 512
    assert codebook.abs().max() <= 1
    torch.testing.assert_close(codebook.square().mean(), torch.tensor(1 / 3), atol=0.03, rtol=0)  # of U(-1, 1)


def test_an_unknown_start_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="expected an initialisation out of normal, uniform, got 'zero'"):
        make_quantizer("gradient", K, D, "zero")


# Dead-code replacement


def worn(counts: list[float]) -> EMAQuantizer:
    """A quantiser whose codes have been used so often."""
    vq = quantizer("ema", torch.arange(len(counts) * 2.0).view(-1, 2))
    vq.counts.copy_(torch.tensor(counts))
    vq.sums.copy_(vq.codebook * vq.counts.unsqueeze(1))
    return vq


def test_dead_codes_move_onto_encodings_and_living_ones_stay(rng):
    vq = worn([100.0, 0.0, 50.0, 0.5])
    before = vq.codebook.clone()
    z = 100 + torch.randn(2, 2, 3, 3, generator=rng)
    assert vq.replace_dead_codes(z, rng).tolist() == [1, 3]
    vectors = z.permute(0, 2, 3, 1).reshape(-1, 2).tolist()
    assert torch.equal(vq.codebook[[0, 2]], before[[0, 2]])
    assert vq.codebook[1].tolist() in vectors
    assert vq.codebook[3].tolist() in vectors
    torch.testing.assert_close(vq.sums, vq.codebook * vq.counts.unsqueeze(1))


def test_a_replaced_code_is_given_time_before_it_counts_as_dead_again(rng):
    vq = worn([100.0, 0.0])
    z = torch.randn(2, 2, 3, 3, generator=rng)
    vq.replace_dead_codes(z, rng)
    for _ in range(50):
        vq.update(z, torch.zeros(2, 3, 3, dtype=torch.int64))
    assert not len(vq.replace_dead_codes(z, rng))


def test_dead_code_replacement_draws_by_its_generator(z):
    replaced = []
    for seed in (0, 0, 1):
        vq = quantizer("ema")
        vq.counts[::2] = 0
        vq.replace_dead_codes(z, torch.Generator().manual_seed(seed))
        replaced.append(vq.codebook.clone())
    assert torch.equal(replaced[0], replaced[1])
    assert not torch.equal(replaced[0], replaced[2])


def test_nothing_is_replaced_where_every_code_is_used(z, rng):
    vq = quantizer("ema")
    before = vq.codebook.clone()
    assert not len(vq.replace_dead_codes(z, rng))
    assert torch.equal(vq.codebook, before)


@pytest.mark.parametrize("name", ["gradient", "rotation", "diveq"])
def test_codes_that_the_optimiser_learns_are_replaced_once_they_are_dead(name, z, rng):
    vq = quantizer(name)
    for _ in range(500):  # 0.99^500 of what a code began with is left
        vq.update(z, torch.zeros(3, 4, 5, dtype=torch.int64))
    before = vq.codebook.detach().clone()
    assert vq.replace_dead_codes(z, rng).tolist() == list(range(1, K))
    vectors = z.permute(0, 2, 3, 1).reshape(-1, D)
    assert torch.equal(vq.codebook[0], before[0])
    assert (torch.cdist(vq.codebook[1:].detach(), vectors).amin(1) < 1e-3).all()


def test_simvq_replaces_no_code_since_its_layer_moves_all_of_them(z, rng):
    vq = quantizer("simvq")
    vq.counts[::2] = 0
    assert not len(vq.replace_dead_codes(z, rng))


# The family


@every_quantizer
def test_every_quantizer_ends_as_the_tutorials_one_tensor_its_effective_codebook(name):
    vq = quantizer(name)
    config = ModelConfig(num_embeddings=len(vq.codebook), embedding_dim=D, levels=vq.levels(len(vq.codebook), D))
    model = VQVAE(config, vq)
    kept = checkpoint.from_training(model, variance=0.1).model
    assert kept.state_dict().keys() == VQVAE(config).state_dict().keys()
    torch.testing.assert_close(kept.vq_layer.codebook, model.vq_layer.codebook.detach())


def test_an_unknown_quantizer_is_refused_with_the_known_ones():
    with pytest.raises(
        ValueError, match="expected a quantizer out of gradient, ema, rotation, simvq, diveq, fsq, got 'magic'"
    ):
        make_quantizer("magic", K, D)
