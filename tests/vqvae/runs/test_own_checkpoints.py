"""A visitor's own checkpoints."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from pages.ui import resources
from tests.vqvae.foreign import plain
from vqvae import checkpoint as checkpoints
from vqvae.checkpoint import Checkpoint, CheckpointError
from vqvae.evaluation import evaluate
from vqvae.foreign import recognise
from vqvae.limits import CHECKPOINTS, CHECKPOINTS_EACH, FREE_DISK
from vqvae.model import ModelConfig
from vqvae.runs.own_checkpoints import OwnCheckpoints, check_size, is_own, on_digits
from vqvae.runs.visitor import Visitor, new_token
from vqvae.training import TUTORIAL


@pytest.fixture
def mine(tmp_path, monkeypatch) -> OwnCheckpoints:
    monkeypatch.setenv("VQVAE_RUNS", str(tmp_path))
    return OwnCheckpoints(Visitor(new_token()))


@pytest.fixture
def model(make_model) -> Checkpoint:
    return Checkpoint(make_model(), variance=0.1)


def test_a_kept_checkpoint_opens_as_the_same_model_with_its_figures(mine, model, digits):
    entry = mine.add(model, "  My\n first ", digits)
    assert entry.title == "My first"
    assert mine.entries() == [entry]
    opened = mine.open(entry.name)
    assert opened.fingerprint == model.fingerprint
    assert on_digits(opened, digits) == evaluate(model.model, digits, 0.1)


def test_another_projects_model_is_kept_with_its_tensors_and_opens_again(mine, digits):
    foreign = recognise(plain.random(plain.zalando_shapes(C=1)))
    known = Checkpoint(foreign.model, 0.1, assumed=foreign.assumed, origin=foreign.origin)
    opened = mine.open(mine.add(known, "theirs", digits).name)
    assert opened.fingerprint == known.fingerprint
    assert opened.origin.family == foreign.origin.family
    assert opened.assumed == foreign.assumed
    assert on_digits(opened, digits) == evaluate(foreign.model, digits, 0.1)


def test_figures_that_a_file_claims_for_these_digits_are_measured_again(mine, model, digits):
    claimed = evaluate(model.model, digits, 0.1)._replace(nmse=0.0)
    entry = mine.add(replace(model, measured=(claimed,)), "liar", digits)
    (figures,) = mine.open(entry.name).measured
    assert figures.nmse > 0


def test_the_same_weights_once_more_keep_what_was_known_of_them(mine, model, digits):
    test = evaluate(model.model, digits, 0.1)._replace(dataset="mnist", split="test")
    known = replace(model, dataset="mnist", steps=9, recipe=TUTORIAL, measured=(test,))
    first = mine.add(known, "alpha", digits)
    bare = replace(model, variance=0.2, assumed=("a variance of 0.2",))
    assert mine.same_weights(bare) == first
    again = mine.add(bare, "beta", digits)
    assert again == first._replace(title="beta")
    opened = mine.open(first.name)
    assert (opened.dataset, opened.steps, opened.recipe) == ("mnist", 9, TUTORIAL)
    assert (opened.variance, opened.assumed) == (0.1, ())
    assert test in opened.measured


def test_a_bare_file_learns_from_one_that_knows_more(mine, model, digits):
    bare = replace(model, variance=0.2, assumed=("a variance of 0.2",))
    entry = mine.add(bare, "alpha", digits)
    mine.add(replace(model, steps=9), "alpha", digits)
    opened = mine.open(entry.name)
    assert (opened.steps, opened.variance, opened.assumed) == (9, 0.1, ())
    assert on_digits(opened, digits) == evaluate(model.model, digits, 0.1)


def test_nobody_opens_anothers(mine, model, digits):
    entry = mine.add(model, "mine", digits)
    other = OwnCheckpoints(Visitor(new_token()))
    assert other.entries() == []
    assert not other.holds(entry.name)
    with pytest.raises(CheckpointError, match="no such checkpoint among yours"):
        other.open(entry.name)


@pytest.mark.parametrize(
    "name", ["", "default", "own-", "own-../../../etc", "own-0123456789AB", "own-0123456789ab\n", "own-0123456789abc"]
)
def test_a_name_that_is_none_is_never_a_path(mine, model, digits, name):
    mine.add(model, "mine", digits)
    assert not is_own(name)
    with pytest.raises(CheckpointError, match="no such checkpoint among yours"):
        mine.open(name)
    with pytest.raises(CheckpointError, match="no such checkpoint among yours"):
        mine.content(name)
    mine.delete(name)
    assert len(mine.entries()) == 1


def test_a_deleted_checkpoint_comes_back_whole(mine, model, digits):
    entry = mine.add(model, "mine", digits)
    content = mine.content(entry.name)
    mine.delete(entry.name)
    assert mine.entries() == []
    mine.undelete(entry.name)
    assert mine.entries() == [entry]
    assert mine.content(entry.name) == content


def test_only_the_last_deletion_can_be_taken_back(mine, make_model, digits):
    first, second = (mine.add(Checkpoint(make_model(seed=seed), 0.1), str(seed), digits) for seed in (1, 2))
    mine.delete(first.name)
    mine.delete(second.name)
    with pytest.raises(CheckpointError, match="gone for good"):
        mine.undelete(first.name)
    mine.undelete(second.name)
    assert mine.entries() == [second]


def test_a_new_title_is_bounded_and_changes_nothing_else(mine, model, digits):
    entry = mine.add(model, "mine", digits)
    mine.rename(entry.name, "x" * 1_000)
    (renamed,) = mine.entries()
    assert renamed == entry._replace(title="x" * 60)


def test_whoever_finds_a_checkpoint_finds_its_title(mine, model, digits, monkeypatch):
    write, seen = checkpoints.save, []

    def save(checkpoint: Checkpoint, path: Path) -> None:
        write(checkpoint, path)
        seen.extend(mine.entries())  # as another tab may look at any moment

    monkeypatch.setattr(checkpoints, "save", save)
    entry = mine.add(model, "Mine", digits)
    assert seen == mine.entries() == [entry]


def test_whoever_finds_a_checkpoint_that_is_being_deleted_finds_its_title(mine, model, digits, monkeypatch):
    entry, move, seen = mine.add(model, "Mine", digits), Path.replace, []

    def replace_and_look(source: Path, target: Path) -> None:
        move(source, target)
        seen.extend(mine.entries())

    monkeypatch.setattr(Path, "replace", replace_and_look)
    mine.delete(entry.name)
    mine.undelete(entry.name)
    assert seen == [entry]  # once all of it is back


def test_a_checkpoint_without_its_title_is_still_there(mine, model, digits):
    entry = mine.add(model, "mine", digits)
    (mine.folder / f"{entry.name}.json").write_text("torn")
    assert [one.title for one in mine.entries()] == [entry.name]
    assert mine.open(entry.name).fingerprint == model.fingerprint


def test_a_damaged_file_is_refused_with_a_sentence(mine, model, digits):
    entry = mine.add(model, "mine", digits)
    (mine.folder / f"{entry.name}.safetensors").write_bytes(b"torn")
    with pytest.raises(CheckpointError, match="is not a safetensors file"):
        mine.open(entry.name)


def test_there_is_an_end_to_it(mine, make_model, digits, monkeypatch):
    monkeypatch.setenv(CHECKPOINTS_EACH.name, "1")
    mine.add(Checkpoint(make_model(seed=1), 0.1), "one", digits)
    with pytest.raises(CheckpointError, match="You have 1 checkpoints already: delete one first"):
        mine.add(Checkpoint(make_model(seed=2), 0.1), "two", digits)


def test_the_end_holds_for_what_two_tabs_measure_at_the_same_time(mine, make_model, digits, monkeypatch):
    monkeypatch.setenv(CHECKPOINTS_EACH.name, "1")
    models = [Checkpoint(make_model(seed=seed), 0.1) for seed in (1, 2)]
    prepared = [mine.prepared(one) for one in models]
    figures = evaluate(models[0].model, digits, 0.1)
    mine.keep(prepared[0], "first", figures)
    with pytest.raises(CheckpointError, match="You have 1 checkpoints already: delete one first"):
        mine.keep(prepared[1], "second", figures)
    mine.keep(prepared[0], "first, again", figures)
    assert [entry.title for entry in mine.entries()] == ["first, again"]


def test_there_is_an_end_to_all_visitors_checkpoints_together(mine, make_model, digits, monkeypatch):
    mine.add(Checkpoint(make_model(seed=1), 0.1), "one", digits)
    mine.delete(mine.entries()[0].name)  # it can be taken back, so it takes its room
    other = OwnCheckpoints(Visitor(new_token()))
    monkeypatch.setenv(CHECKPOINTS.name, "1")
    next(mine.folder.glob("deleted/*.safetensors")).write_bytes(bytes(2**20))
    with pytest.raises(CheckpointError, match="All visitors’ checkpoints together take"):
        other.add(Checkpoint(make_model(seed=2), 0.1), "two", digits)


def test_a_disk_that_is_nearly_full_keeps_nothing_more(mine, model, digits, monkeypatch):
    monkeypatch.setenv(FREE_DISK.name, "999999999")
    with pytest.raises(CheckpointError, match="Nothing more can be kept here, since the disk is nearly full"):
        mine.add(model, "mine", digits)


def test_the_same_model_with_another_variance_is_seen_to_have_changed(mine, model, digits):
    assert mine.changed("own-0123456789ab") == 0
    entry = mine.add(model, "mine", digits)
    before = mine.changed(entry.name)
    assert mine.add(replace(model, variance=0.2), "mine", digits).name == entry.name
    assert mine.changed(entry.name) > before
    opened = [resources.own_checkpoint(mine, entry.name)]
    mine.add(replace(model, variance=0.3), "mine", digits)
    opened.append(resources.own_checkpoint(mine, entry.name))
    assert [one.variance for one in opened] == [0.2, 0.3]


@pytest.mark.parametrize(
    "sizes", [{"height": 128, "width": 128}, {"num_embeddings": 5_000}, {"embedding_dim": 2_000}], ids=str
)
def test_a_model_too_large_for_the_pages_is_refused(sizes):
    with pytest.raises(CheckpointError, match="expected at most"):
        check_size(ModelConfig(**sizes))


def test_a_model_that_draws_nothing_finite_is_refused(mine, make_model, digits):
    model = make_model()
    with torch.no_grad():
        model.decoder.convs[-1].bias.fill_(3e38)
        model.decoder.convs[-1].weight.fill_(3e38)
    with pytest.raises(CheckpointError, match="not finite"):
        mine.add(Checkpoint(model, 0.1), "huge", digits)
    assert mine.entries() == []


def test_a_model_of_another_size_is_measured_on_digits_made_to_fit(mine, make_model, digits):
    model = make_model(ModelConfig(channels=3, height=20, width=16, num_embeddings=4, embedding_dim=3))
    entry = mine.add(Checkpoint(model, 0.1), "small", digits)
    assert mine.open(entry.name).model.config == model.config
    assert checkpoints.load(mine.folder / f"{entry.name}.safetensors").measured[0].images == len(digits)
