import itertools
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load as parse_safetensors
from safetensors.torch import save as safetensors_bytes

from tests import tutorial
from vqvae.data import Digits
from vqvae.evaluation import perplexity
from vqvae.receptive_field import receptive_field
from vqvae.training import RECOMMENDED, TUTORIAL, Hyperparameters, Training, learning_rate, train

CPU = torch.device("cpu")
QUICK = Hyperparameters(batch_size=25, num_embeddings=10, embedding_dim=4, epochs=3, print_freq=2)  # 3 steps an epoch
RECIPES = {
    "tutorial": QUICK,
    "rotation": replace(QUICK, quantizer="rotation"),
    "simvq": replace(QUICK, quantizer="simvq", kmeans_init=True),
    "simvq late": replace(QUICK, quantizer="simvq", kmeans_init=True, warm_up=4),
    "diveq": replace(QUICK, quantizer="diveq", initialisation="uniform", dead_code_replacement=True),
    "fsq": replace(QUICK, quantizer="fsq", num_embeddings=16, embedding_dim=2, kmeans_init=True),
    "entropy": replace(QUICK, initialisation="uniform", entropy_bonus=0.1),
    "warmed up": replace(QUICK, kmeans_init=True, warm_up=4, dead_code_replacement=True),
    "recommended": replace(
        QUICK, quantizer="ema", schedule="one-cycle", lr=3e-3, kmeans_init=True, dead_code_replacement=True
    ),
}
every_recipe = pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)


@pytest.fixture(scope="module")
def digits(digits: Digits) -> Digits:
    """The middle of each digit: 12 x 12 pixels train faster than 28 x 28."""
    return replace(digits, pixels=digits.pixels[:, :, 8:20, 8:20])


def weights(run: Training) -> torch.Tensor:
    return torch.cat([value.flatten() for _, value in sorted(run.state().items())])


def finished(digits: Digits, recipe: Hyperparameters) -> Training:
    run = Training(digits, recipe, CPU)
    for _ in train(run):
        pass
    return run


# The tutorial's recipe


def test_the_defaults_are_the_tutorials():
    assert TUTORIAL == Hyperparameters(
        128, 16, 128, 50, 100, 1e-3, 0.25, "gradient", "constant", False, False, 0, "normal", 0, 0.0
    )


def test_a_run_is_the_tutorials_loop_step_by_step(digits):
    # One batch of all images an epoch, so that their order does not matter.
    run = Training(digits, replace(QUICK, batch_size=len(digits), epochs=6, print_freq=1), CPU)
    reference = tutorial.VQVAE(1, 10, 4)
    reference.load_state_dict(run.model.state_dict())
    optimizer = torch.optim.Adam(reference.parameters(), lr=1e-3)
    variance = digits.images.double().var(correction=0).item()
    batches = [(digits.images, digits.labels)] * 6
    expected = list(tutorial.epoch(reference, batches, optimizer, variance))
    assert [snapshot.loss for snapshot in train(run)] == pytest.approx(expected, rel=1e-4)
    torch.testing.assert_close(run.model.vq_layer.codebook, reference.vq_layer.embeddings.weight, rtol=1e-3, atol=1e-4)


def test_an_epoch_sees_every_image_once_in_a_new_order_with_the_last_short_batch(digits):
    run = Training(digits, QUICK, CPU)
    seen = []
    run.model.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].flatten(1)))
    for _ in range(2 * run.steps_per_epoch):
        run.step()
    assert [len(batch) for batch in seen] == [25, 25, 10] * 2
    expected = (digits.images - 0.5).flatten(1)
    first, second = torch.cat(seen[:3]), torch.cat(seen[3:])
    for epoch in (first, second):
        assert torch.equal(epoch.unique(dim=0), expected.unique(dim=0))
    assert not torch.equal(first, second)


def test_469_steps_are_an_epoch_of_60000_images():
    pixels = torch.arange(60_000).remainder(256).to(torch.uint8).view(-1, 1, 1, 1).expand(-1, 1, 4, 4)
    run = Training(Digits(pixels, torch.zeros(60_000, dtype=torch.int64), "mnist", "train"), TUTORIAL, CPU)
    assert (run.steps_per_epoch, run.steps) == (469, 23_450)


@every_recipe
def test_training_lowers_the_loss(recipe, digits):
    snapshots = list(train(Training(digits, replace(recipe, epochs=20), CPU)))
    assert snapshots[-1].nmse < 0.9 * snapshots[0].nmse


def test_three_channels_other_sizes_and_one_code_can_be_trained(rng):
    pixels = torch.randint(256, (30, 3, 8, 12), generator=rng, dtype=torch.uint8)
    digits = Digits(pixels, torch.zeros(30, dtype=torch.int64), "digits", "train")
    for recipe in RECIPES.values():
        one = recipe if recipe.quantizer == "fsq" else replace(recipe, num_embeddings=1)  # a grid of one point is none
        run = finished(digits, one)
        assert torch.isfinite(weights(run)).all()


# Chance


@every_recipe
def test_one_seed_gives_one_result_and_another_seed_another(recipe, digits):
    first, again = (weights(finished(digits, recipe)) for _ in range(2))
    assert torch.equal(first, again)
    assert not torch.equal(first, weights(finished(digits, replace(recipe, seed=1))))


@every_recipe
def test_a_run_leaves_torchs_own_chance_alone(recipe, digits):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    finished(digits, recipe)
    assert torch.equal(torch.rand(3), expected)


@every_recipe
@pytest.mark.parametrize("stop", [1, 3, 8])  # in an epoch, at its end, after dead-code replacement
def test_a_resumed_run_ends_as_an_uninterrupted_one_bit_for_bit(recipe, stop, digits):
    interrupted = Training(digits, recipe, CPU)
    for _ in range(stop):
        interrupted.step()
    saved = safetensors_bytes(interrupted.state())
    resumed = Training(digits, replace(recipe, print_freq=1), CPU)
    resumed.restore(parse_safetensors(saved))
    snapshots = list(train(resumed))
    assert [snapshot.step for snapshot in snapshots] == list(range(stop + 1, 10))
    assert torch.equal(weights(resumed), weights(finished(digits, recipe)))


def test_a_run_can_go_back_to_a_state_from_before_its_first_step(digits):
    run = Training(digits, QUICK, CPU)
    beginning = run.state()
    run.step()
    run.restore(beginning)
    for _ in train(run):
        pass
    assert torch.equal(weights(run), weights(finished(digits, QUICK)))


def spoilt(change: str, digits: Digits) -> dict[str, torch.Tensor]:
    """The state of a quick run after a step, changed."""
    recipe = {
        "another K": replace(QUICK, num_embeddings=11),
        "another quantizer": replace(QUICK, quantizer="ema"),
    }.get(change, QUICK)
    run = Training(digits, recipe, CPU)
    run.step()
    state = run.state()
    if change == "no optimiser":
        del state["optimizer.encoder.convs.0.weight.exp_avg"]
    elif change == "beyond the end":
        state["step"] = torch.tensor(10)
    elif change == "no step":
        del state["step"]
    return state


@pytest.mark.parametrize("change", ["another K", "another quantizer", "no optimiser", "beyond the end", "no step"])
def test_a_state_of_another_run_is_refused_and_changes_nothing(change, digits):
    run = Training(digits, QUICK, CPU)
    before = weights(run)
    with pytest.raises(ValueError, match=r"expected the state of a run like this one|expected a state within 9 steps"):
        run.restore(spoilt(change, digits))
    assert torch.equal(weights(run), before)


# The learning rate


@pytest.mark.parametrize("steps", [2, 3, 4, 10, 469, 1876])
def test_the_one_cycle_rate_is_torchs(steps):
    h = replace(TUTORIAL, schedule="one-cycle", lr=3e-3)
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    reference = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=h.lr, total_steps=steps)
    for step in range(steps):
        assert learning_rate(h, step, steps) == pytest.approx(reference.get_last_lr()[0], rel=1e-9)
        optimizer.step()
        if step < steps - 1:
            reference.step()


def test_a_run_of_one_step_has_a_rate_too():
    assert 0 < learning_rate(RECOMMENDED, 0, 1) <= RECOMMENDED.lr


def test_the_tutorials_rate_never_changes():
    assert {learning_rate(TUTORIAL, step, 100) for step in range(100)} == {1e-3}


# Snapshots


def test_a_snapshot_comes_every_print_freq_steps_and_at_each_epochs_end(digits):
    snapshots = list(train(Training(digits, QUICK, CPU)))
    assert [snapshot.step for snapshot in snapshots] == [2, 3, 4, 6, 8, 9]
    assert [snapshot.step for snapshot in snapshots if snapshot.ends_epoch] == [3, 6, 9]
    assert [snapshot.epoch for snapshot in snapshots] == [0, 1, 1, 2, 2, 3]
    assert {snapshot.steps for snapshot in snapshots} == {9}


def test_a_snapshots_figures_are_over_the_images_since_the_one_before(digits):
    run = Training(digits, QUICK, CPU)
    outputs, batches = [], []

    def note(_, inputs, output) -> None:
        batches.append(inputs[0])
        outputs.append(output)

    run.model.register_forward_hook(note)
    for _ in range(3):
        run.step()
    snapshot = run.snapshot()
    x = torch.cat(batches)
    reconstruction = torch.cat([output.reconstruction for output in outputs]).detach()
    z_e = torch.cat([output.latents for output in outputs]).detach()
    z_q = torch.cat([output.quantized.vectors for output in outputs]).detach()
    counts = torch.cat([output.quantized.codes.flatten() for output in outputs]).bincount(minlength=10)
    assert snapshot.nmse == pytest.approx(float((reconstruction - x).square().mean()) / digits.variance, rel=1e-5)
    assert snapshot.reconstruction_loss == snapshot.nmse
    assert snapshot.codebook_loss == pytest.approx(float((z_e - z_q).square().mean()), rel=1e-5)
    assert snapshot.commitment_loss == pytest.approx(snapshot.codebook_loss)
    assert snapshot.loss == pytest.approx(snapshot.nmse + 1.25 * snapshot.codebook_loss)
    assert snapshot.perplexity == pytest.approx(perplexity(counts))
    assert snapshot.codes_used == int((counts > 0).sum())


def test_a_snapshots_perplexity_over_ink_cells_leaves_out_those_whose_patch_is_blank(digits):
    run = Training(digits, replace(QUICK, kmeans_init=True), CPU)
    field, grid, on_ink = receptive_field(run.model), run.model.config.grid, []

    def note(_, inputs, output) -> None:
        pixels = ((inputs[0] + run.model.config.offset) * 255).round()
        for image, codes in zip(pixels, output.quantized.codes.tolist(), strict=True):
            for row, column in itertools.product(*map(range, grid)):
                rows, columns = field.window(row, column)
                if image[:, rows, columns].any():
                    on_ink.append(codes[row][column])

    run.model.register_forward_hook(note)
    run.step()
    run.step()
    counts = torch.bincount(torch.tensor(on_ink), minlength=10)
    snapshot = run.snapshot()
    assert snapshot.ink_perplexity == pytest.approx(perplexity(counts))
    assert snapshot.ink_perplexity != pytest.approx(snapshot.perplexity)


def test_a_snapshot_says_how_fast_it_goes_and_how_long_it_takes(digits):
    *_, before_last, last = train(Training(digits, QUICK, CPU))
    assert last.images_per_second > 0
    assert last.seconds_left == 0
    assert before_last.seconds_left > 0


def test_two_snapshots_without_a_step_between_are_refused(digits):
    run = Training(digits, QUICK, CPU)
    run.step()
    run.snapshot()
    with pytest.raises(ValueError, match="expected at least one step since the last snapshot, got none"):
        run.snapshot()


def test_a_run_stops_when_asked_and_goes_on(digits):
    run = Training(digits, QUICK, CPU)
    assert list(train(run, stop=lambda: run.step_count == 4))[-1].step == 4
    assert not run.finished
    assert list(train(run))[-1].step == 9
    assert run.finished
    assert list(train(run)) == []


# The quantisers' own ways


def test_the_k_means_start_happens_once_before_the_first_step(digits, monkeypatch):
    run = Training(digits, replace(RECIPES["recommended"], num_embeddings=7), CPU)  # a batch holds enough for seven
    starts = []
    init_from = run.model.vq_layer.init_from
    monkeypatch.setattr(run.model.vq_layer, "init_from", lambda *given: (starts.append(given), init_from(*given)))
    for _ in train(run):
        pass
    ((vectors, seed),) = starts
    assert vectors.shape == (25 * 9, 4)
    assert seed == 0


def test_many_codes_start_from_more_than_one_batch(digits, monkeypatch):
    run = Training(digits, replace(RECIPES["recommended"], num_embeddings=15), CPU)
    seen = []
    monkeypatch.setattr(run.model.vq_layer, "init_from", lambda vectors, seed: seen.append(len(vectors)))
    run.step()
    assert seen == [53 * 9]  # the images that hold 32 encodings a code


def test_dead_code_replacement_ends_with_three_quarters_of_the_run(digits, monkeypatch):
    run = Training(digits, replace(RECIPES["recommended"], epochs=4), CPU)
    replaced = []

    def replace_dead_codes(*_: object) -> torch.Tensor:
        replaced.append(run.step_count)
        return torch.empty(0, dtype=torch.int64)

    monkeypatch.setattr(run.model.vq_layer, "replace_dead_codes", replace_dead_codes)
    for _ in train(run):
        pass
    assert replaced == list(range(9))  # of 12 steps


def test_a_code_that_is_replaced_begins_anew_with_the_optimiser(digits):
    run = Training(digits, replace(QUICK, dead_code_replacement=True), CPU)
    run.step()
    vq = run.model.vq_layer
    moments = run.optimizer.state[vq.embeddings.weight]
    vq.counts[3] = 0
    run.step()
    assert vq.counts[3] > 0  # it was replaced
    assert not moments["exp_avg"][3].any()
    assert not moments["exp_avg_sq"][3].any()
    used = int(vq.counts.argmax())
    assert moments["exp_avg"][used].any()


def test_a_warm_up_trains_encoder_and_decoder_as_an_autoencoder_and_leaves_the_codebook_alone(digits):
    run = Training(digits, replace(RECIPES["warmed up"], batch_size=len(digits)), CPU)
    reference = tutorial.VQVAE(1, 10, 4)
    reference.load_state_dict(run.model.state_dict())
    layers = [*reference.encoder.parameters(), *reference.decoder.parameters()]
    optimizer = torch.optim.Adam(layers, lr=1e-3)
    x = digits.images - 0.5
    for _ in range(3):
        optimizer.zero_grad()
        made = reference.decoder(reference.encoder(x))
        (torch.nn.functional.mse_loss(made, x) / digits.variance).backward()
        optimizer.step()
        run.step()
    torch.testing.assert_close(
        run.model.encoder.convs[0].weight, reference.encoder.convs[0].weight, rtol=1e-3, atol=1e-5
    )
    assert torch.equal(run.model.vq_layer.codebook, reference.vq_layer.embeddings.weight)


def test_the_entropy_bonus_is_part_of_the_sum_that_training_makes_small(digits):
    recipe = replace(QUICK, batch_size=len(digits), epochs=1, print_freq=1, initialisation="uniform")
    with_bonus, without = (Training(digits, replace(recipe, entropy_bonus=bonus), CPU) for bonus in (0.5, 0.0))
    vq = with_bonus.model.vq_layer
    with torch.no_grad():
        expected = float(vq.entropy_loss(with_bonus.model.encoder(digits.images - 0.5)))
    with_bonus.step()
    without.step()
    said, plain = with_bonus.snapshot(), without.snapshot()
    assert said.entropy_loss == pytest.approx(expected, rel=1e-4)
    assert said.loss == pytest.approx(plain.loss + 0.5 * expected, rel=1e-4)
    assert plain.entropy_loss == 0
    assert not torch.equal(vq.codebook, without.model.vq_layer.codebook)


def test_fsq_trains_through_a_bounded_encoder(digits):
    run = Training(digits, replace(RECIPES["fsq"], epochs=30, lr=1e-2), CPU)
    first, *_, last = train(run)
    assert run.model.config.levels == (4, 4)
    assert run.model.latents(digits.images).abs().max() < 1.01
    assert last.nmse < 0.5 * first.nmse
    assert first.codebook_loss == first.commitment_loss == 0


def test_k_means_clusters_the_encodings_of_the_warmed_up_encoder(digits, monkeypatch):
    run = Training(digits, RECIPES["warmed up"], CPU)
    given = []
    monkeypatch.setattr(run.model.vq_layer, "init_from", lambda vectors, seed: given.append((run.step_count, vectors)))
    for _ in range(4):
        run.step()
    assert not given
    expected = run.model.latents(digits.images[run._order(0)[:25]])
    run.step()
    ((step, vectors),) = given
    assert step == 4
    torch.testing.assert_close(vectors[: 25 * 9], expected.permute(0, 2, 3, 1).flatten(0, 2), rtol=1e-3, atol=1e-4)


def test_a_state_without_counts_of_an_earlier_version_goes_on(digits):
    run = Training(digits, QUICK, CPU)
    run.step()
    state = {name: value for name, value in run.state().items() if name != "quantizer.counts"}
    other = Training(digits, QUICK, CPU)
    other.restore(state)
    run.step()
    other.step()
    assert torch.equal(run.model.vq_layer.codebook, other.model.vq_layer.codebook)


# What is refused


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"batch_size": 0}, "expected batch_size to be at least 1, got 0"),
        ({"epochs": 1.5}, r"expected epochs as int, got 1\.5"),
        ({"num_embeddings": "128"}, "expected num_embeddings as int, got '128'"),
        ({"lr": 0.0}, r"expected lr to be above 0, got 0\.0"),
        ({"lr": float("inf")}, "expected lr to be above 0, got inf"),
        ({"commitment_cost": float("nan")}, "expected commitment_cost to be at least 0, got nan"),
        ({"quantizer": "magic"}, "expected quantizer out of gradient, ema, .*got 'magic'"),
        ({"schedule": "magic"}, "expected schedule out of constant, one-cycle, got 'magic'"),
        ({"dead_code_replacement": 1}, "expected dead_code_replacement as bool, got 1"),
        ({"initialisation": "zero"}, "expected initialisation out of normal, uniform, got 'zero'"),
        ({"quantizer": "fsq"}, "expected for fsq K as a power of two .+ got K = 128 and D = 16"),
        ({"entropy_bonus": -0.1}, r"expected entropy_bonus to be at least 0, got -0\.1"),
        ({"warm_up": -1}, "expected warm_up to be at least 0, got -1"),
        ({"seed": -1}, "expected seed from 0 to 2147483647, got -1"),
    ],
)
def test_a_recipe_that_cannot_be_trained_with_is_refused(values, message):
    with pytest.raises(ValueError, match=message):
        Hyperparameters(**values)


@pytest.mark.parametrize("count", [0, 3])
def test_images_without_any_difference_are_refused(count):
    blank = Digits(torch.zeros(count, 1, 28, 28, dtype=torch.uint8), torch.zeros(count), "digits", "train")
    with pytest.raises(ValueError, match=f"expected images that differ somewhere, got {count} of variance"):
        Training(blank)


def test_images_of_odd_sizes_are_refused(rng):
    pixels = torch.randint(256, (3, 1, 27, 28), generator=rng, dtype=torch.uint8)
    with pytest.raises(ValueError, match="expected a height divisible by 4, got 27"):
        Training(Digits(pixels, torch.zeros(3), "digits", "train"))
