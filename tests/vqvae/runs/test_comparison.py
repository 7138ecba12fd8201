"""Recipes side by side, recorded run by run."""

from dataclasses import replace

import pytest

from vqvae import checkpoint
from vqvae.__main__ import main
from vqvae.runs import comparison
from vqvae.runs.comparison import RECIPES, Comparison, load, record, spread, verdict
from vqvae.training import TUTORIAL


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    """Two small recipes."""
    quick = replace(TUTORIAL, batch_size=30, num_embeddings=8, embedding_dim=4)
    recipes = {"gradient": quick, "simvq": replace(quick, quantizer="simvq")}
    monkeypatch.setattr(comparison, "RECIPES", recipes)


def test_the_recipes_differ_from_the_tutorials_in_how_the_codebook_learns_alone():
    for recipe in RECIPES.values():
        assert replace(recipe, quantizer="gradient", kmeans_init=False, dead_code_replacement=False) == TUTORIAL


def test_each_recipe_and_seed_is_run_and_written_down_once(tmp_path, digits):
    results = list(record(tmp_path, digits, digits, epochs=2, seeds=2))
    assert [(one.recipe, one.seed) for one in results] == [
        ("gradient", 0),
        ("simvq", 0),
        ("gradient", 1),
        ("simvq", 1),
    ]
    assert load(tmp_path) == Comparison("digits", 60, 2, tuple(results))
    assert [point.step for point in results[0].curve] == [1, 2, 3, 4]
    assert list(record(tmp_path, digits, digits, epochs=2, seeds=2)) == []


def test_an_interrupted_recording_goes_on_with_what_is_missing(tmp_path, digits):
    first = next(record(tmp_path, digits, digits, epochs=1, seeds=1))
    (second,) = record(tmp_path, digits, digits, epochs=1, seeds=1)
    assert (first.recipe, second.recipe) == ("gradient", "simvq")


def test_the_models_of_the_first_seed_open_with_their_effective_codebook(tmp_path, digits):
    results = list(record(tmp_path, digits, digits, epochs=1, seeds=1))
    for result in results:
        opened = checkpoint.load(comparison.model_file(tmp_path, result.recipe))
        assert opened.measured == (result.test,)
        again = comparison.evaluate(opened.model, digits, opened.variance)
        assert again.nmse == pytest.approx(result.test.nmse, rel=1e-4)


def test_another_comparison_in_the_same_folder_is_refused(tmp_path, digits):
    next(record(tmp_path, digits, digits, epochs=1, seeds=1))
    with pytest.raises(ValueError, match="holds a comparison on 60 images of digits, 1 epochs"):
        next(record(tmp_path, digits, digits, epochs=2, seeds=1))


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"format": 2}', '{"format": 1, "results": [[1]]}'])
def test_a_damaged_comparison_is_refused_with_the_way_out(tmp_path, content):
    (tmp_path / "comparison.json").write_text(content)
    with pytest.raises(ValueError, match=r"is damaged .+ delete it to record again"):
        load(tmp_path)


def test_where_there_is_no_comparison_there_is_none(tmp_path):
    assert load(tmp_path) is None


def test_a_verdict_is_mean_and_deviation_over_the_seeds(tmp_path, digits):
    results = list(record(tmp_path, digits, digits, epochs=1, seeds=2))
    of_one = [one for one in results if one.recipe == "simvq"]
    nmse = [one.test.nmse for one in of_one]
    said = verdict(of_one)
    assert (said.recipe, said.seeds) == ("simvq", 2)
    assert said.nmse.mean == pytest.approx(sum(nmse) / 2)
    assert said.nmse.deviation == pytest.approx(abs(nmse[0] - nmse[1]) / 2**0.5)
    assert f"{spread([0.25]):.2f}" == "0.25"
    assert f"{spread([1.0, 3.0]):.1f}" == "2.0 ± 1.4"


def test_one_command_records_and_tells(tmp_path, capsys):
    command = ["compare", "--dataset", "digits", "--limit", "60", "--epochs", "1", "--seeds", "1", "--out"]
    assert main([*command, str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    assert "2 recipes on 60 embedded digits" in printed
    for result in load(tmp_path).results:
        assert f"{result.test.nmse:.4f}" in printed


def test_the_shipped_comparison_is_whole():
    shipped = load()
    assert replace(shipped, results=()) == Comparison("mnist", 60_000, comparison.EPOCHS)
    seeds = range(comparison.SEEDS)
    assert {(one.recipe, one.seed) for one in shipped.results} == {(name, seed) for name in RECIPES for seed in seeds}
    assert {one.curve[-1].step for one in shipped.results} == {2345}
    for recipe in RECIPES:
        opened = checkpoint.load(comparison.model_file(comparison.SHIPPED, recipe))
        assert opened.measured == (shipped.of(recipe)[0].test,)


def test_a_shipped_model_of_an_effective_codebook_is_as_good_as_recorded(full_test_set):
    opened = checkpoint.load(comparison.model_file(comparison.SHIPPED, "simvq"))
    again = comparison.evaluate(opened.model, full_test_set, opened.variance)
    assert again.nmse == pytest.approx(opened.measured[0].nmse, rel=1e-3)
    assert abs(again.codes_used - opened.measured[0].codes_used) <= 1
