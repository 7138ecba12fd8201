"""Recipes side by side, recorded run by run."""

import csv
import io
import json
import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from importlib.metadata import version

import pytest

from vqvae import checkpoint
from vqvae.__main__ import main
from vqvae.data import Digits
from vqvae.runs import comparison
from vqvae.runs.comparison import RATES, RECIPES, Comparison, Result, Trial, failed, load, record, spread, verdict
from vqvae.training import RECOMMENDED, TUTORIAL


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    """Two small recipes, with two rates to try."""
    quick = replace(TUTORIAL, batch_size=30, num_embeddings=8, embedding_dim=4)
    recipes = {"gradient": quick, "simvq": replace(quick, quantizer="simvq")}
    monkeypatch.setattr(comparison, "RECIPES", recipes)
    monkeypatch.setattr(comparison, "RATES", (1e-3, 1e-2))


def recorded(*arguments, **options) -> tuple[list[Trial], list[Result]]:
    outcomes = list(record(*arguments, **options))
    return [one for one in outcomes if isinstance(one, Trial)], [one for one in outcomes if isinstance(one, Result)]


def test_the_recipes_share_batches_schedule_and_rate_and_the_network_but_for_the_grid_of_fsq():
    own = {"quantizer", "initialisation", "kmeans_init", "warm_up", "dead_code_replacement", "entropy_bonus"}
    own |= {"commitment_cost"}  # DiVeQ has none
    plain = {name: getattr(TUTORIAL, name) for name in own}
    for name, recipe in RECIPES.items():
        shared = replace(recipe, **plain)
        expected = TUTORIAL if name == "tutorial" else replace(TUTORIAL, schedule="one-cycle")
        assert shared == (replace(expected, embedding_dim=3) if name == "fsq" else expected)
    assert RECIPES["tutorial"] == TUTORIAL
    assert replace(RECIPES["recommended"], epochs=RECOMMENDED.epochs, lr=RECOMMENDED.lr) == RECOMMENDED
    assert RECOMMENDED.lr in RATES


def test_each_recipe_and_seed_is_run_and_written_down_once(tmp_path, digits):
    trials, results = recorded(tmp_path, digits, digits, epochs=2, seeds=2)
    assert [(one.recipe, one.lr) for one in trials] == [
        ("gradient", 1e-3),
        ("gradient", 1e-2),
        ("simvq", 1e-3),
        ("simvq", 1e-2),
    ]
    assert [(one.recipe, one.seed) for one in results] == [
        ("gradient", 0),
        ("simvq", 0),
        ("gradient", 1),
        ("simvq", 1),
    ]
    found = load(tmp_path)
    versions = found.versions
    assert found == Comparison("digits", 60, 2, tuple(results), tuple(trials), comparison.RECIPES, versions)
    assert dict(versions)["torch"] == version("torch")
    assert [point.step for point in results[0].curve] == [1, 2, 3, 4]
    assert list(record(tmp_path, digits, digits, epochs=2, seeds=2)) == []


def test_what_is_recorded_with_other_versions_names_both(tmp_path, digits, monkeypatch):
    recorded(tmp_path, digits, digits, epochs=1, seeds=1)
    monkeypatch.setattr(comparison, "version", lambda name: "99.0")
    recorded(tmp_path, digits, digits, epochs=1, seeds=2)
    assert [number for name, number in load(tmp_path).versions if name == "torch"] == [version("torch"), "99.0"]


def test_each_recipe_runs_at_the_rate_of_its_best_trial(tmp_path, digits):
    trials, results = recorded(tmp_path, digits, digits, epochs=1, seeds=1)
    for result in results:
        best = min((one for one in trials if one.recipe == result.recipe), key=lambda one: one.nmse)
        assert result.lr == best.lr
        opened = checkpoint.load(comparison.model_file(tmp_path, result.recipe))
        assert opened.recipe.lr == best.lr


def test_a_rate_that_breaks_a_run_is_not_the_best_and_none_is_while_a_trial_is_missing():
    some = Comparison("digits", 60, 1, trials=(Trial("gradient", 1e-2, math.nan), Trial("gradient", 1e-3, 0.5)))
    assert some.rate("gradient") == 1e-3
    assert replace(some, trials=some.trials[:1]).rate("gradient") is None
    other = Trial("gradient", 0.5, 0.1)  # of an earlier choice of rates
    assert replace(some, trials=(*some.trials, other)).rate("gradient") == 1e-3


def test_a_trial_that_breaks_ends_there_and_is_written_down(tmp_path, digits, monkeypatch):
    broken = replace(next(iter(comparison.RECIPES.values())), warm_up=2, kmeans_init=True)
    monkeypatch.setattr(comparison, "RECIPES", {"gradient": broken})
    monkeypatch.setattr(comparison, "RATES", (1e30, 1e-2))
    trials, (result,) = recorded(tmp_path, digits, digits, epochs=2, seeds=1)
    assert math.isnan(trials[0].nmse)
    assert math.isfinite(trials[1].nmse)
    assert math.isnan(load(tmp_path).trials[0].nmse)
    assert result.lr == 1e-2


def test_the_command_takes_the_best_of_another_comparison(tmp_path, capsys):
    command = ["compare", "--dataset", "digits", "--limit", "60", "--seeds", "1"]
    short, long = str(tmp_path / "short"), str(tmp_path / "long")
    longer = [*command, "--epochs", "2", "--best", "1", "--of", short, "--out", long]
    assert main(longer) == 1
    assert "to take the best of" in capsys.readouterr().err
    assert main([*command, "--epochs", "1", "--out", short]) == 0
    assert main(longer) == 0
    assert load(tmp_path / "long").recipes == load(tmp_path / "short").best(1).recipes
    assert "python -m vqvae compare --dataset digits --epochs 2 --seeds 1 --best 1" in capsys.readouterr().out


def test_a_trial_trains_on_a_third_of_the_training_images_and_is_measured_on_others(tmp_path, digits, monkeypatch):
    seen = []
    for module, name in ((comparison, "Training"), (comparison, "evaluate")):
        original = getattr(module, name)

        def note(*arguments, original=original):
            seen.append(next(one for one in arguments if isinstance(one, Digits)))
            return original(*arguments)

        monkeypatch.setattr(module, name, note)
    next(record(tmp_path, digits, digits, epochs=1, seeds=1))
    trained, measured = seen
    assert (len(trained), len(measured)) == (20, 10)
    pixels = {image.numpy().tobytes() for image in trained.pixels}
    assert not pixels & {image.numpy().tobytes() for image in measured.pixels}


def test_an_interrupted_recording_goes_on_with_what_is_missing(tmp_path, digits):
    going = record(tmp_path, digits, digits, epochs=1, seeds=1)
    first = [next(going) for _ in range(5)]
    going.close()
    (last,) = record(tmp_path, digits, digits, epochs=1, seeds=1)
    assert (first[-1].recipe, last.recipe) == ("gradient", "simvq")
    assert isinstance(first[-1], Result)


def test_two_processes_share_the_work_and_lose_nothing(tmp_path, digits):
    with ThreadPoolExecutor(2) as pool:  # locks keep threads apart as they do processes
        both = [pool.submit(lambda: list(record(tmp_path, digits, digits, epochs=2, seeds=3))) for _ in range(2)]
    done = [one for future in both for one in future.result()]
    assert len(done) == len(set(map(str, done))) == 2 * 2 + 2 * 3
    found = load(tmp_path)
    assert {*map(str, (*found.trials, *found.results))} == {*map(str, done)}


def test_a_longer_comparison_takes_the_best_recipes_at_the_rates_found_before(tmp_path, digits):
    _, results = recorded(tmp_path / "short", digits, digits, epochs=1, seeds=1)
    best = min(results, key=lambda one: one.test.nmse)
    before = load(tmp_path / "short").best(1)
    trials, longer = recorded(tmp_path / "long", digits, digits, epochs=3, seeds=1, before=before)
    assert trials == []
    assert [(one.recipe, one.lr, one.curve[-1].step) for one in longer] == [(best.recipe, best.lr, 6)]


def test_runs_of_another_recipe_of_the_same_name_are_refused(tmp_path, digits, monkeypatch):
    next(record(tmp_path, digits, digits, epochs=1, seeds=1))
    changed = {name: replace(recipe, commitment_cost=1.0) for name, recipe in comparison.RECIPES.items()}
    monkeypatch.setattr(comparison, "RECIPES", changed)
    with pytest.raises(ValueError, match="holds runs of another recipe gradient"):
        next(record(tmp_path, digits, digits, epochs=1, seeds=1))


def test_a_comparison_of_an_earlier_version_is_not_mixed_with_runs_by_other_rules(tmp_path, digits):
    recorded(tmp_path, digits, digits, epochs=1, seeds=1)
    path = tmp_path / "comparison.json"
    said = json.loads(path.read_text())
    kept = {key: said[key] for key in ("dataset", "images", "epochs")}  # as 0.1.0 wrote it
    path.write_text(json.dumps(kept | {"format": 1, "results": [one[:6] for one in said["results"]]}))
    with pytest.raises(ValueError, match="holds a comparison of an earlier version"):
        next(record(tmp_path, digits, digits, epochs=1, seeds=2))


def test_the_models_of_the_first_seed_open_with_their_effective_codebook(tmp_path, digits):
    _, results = recorded(tmp_path, digits, digits, epochs=1, seeds=1)
    for result in results:
        opened = checkpoint.load(comparison.model_file(tmp_path, result.recipe))
        assert opened.measured == (result.test,)
        again = comparison.evaluate(opened.model, digits, opened.variance)
        assert again.nmse == pytest.approx(result.test.nmse, rel=1e-4)


def test_another_comparison_in_the_same_folder_is_refused(tmp_path, digits):
    next(record(tmp_path, digits, digits, epochs=1, seeds=1))
    with pytest.raises(ValueError, match="holds a comparison on 60 images of digits, 1 epochs"):
        next(record(tmp_path, digits, digits, epochs=2, seeds=1))


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"format": 3}', '{"format": 1, "results": [[1]]}'])
def test_a_damaged_comparison_is_refused_with_the_way_out(tmp_path, content):
    (tmp_path / "comparison.json").write_text(content)
    with pytest.raises(ValueError, match=r"is damaged .+ delete it to record again"):
        load(tmp_path)


def test_where_there_is_no_comparison_there_is_none(tmp_path):
    assert load(tmp_path) is None


def test_a_verdict_is_mean_and_deviation_over_the_seeds(tmp_path, digits):
    _, results = recorded(tmp_path, digits, digits, epochs=1, seeds=2)
    of_one = [one for one in results if one.recipe == "simvq"]
    nmse = [one.test.nmse for one in of_one]
    said = verdict(of_one)
    assert (said.recipe, said.seeds, said.lr) == ("simvq", 2, of_one[0].lr)
    assert said.nmse.mean == pytest.approx(sum(nmse) / 2)
    assert said.nmse.deviation == pytest.approx(abs(nmse[0] - nmse[1]) / 2**0.5)
    assert said.ink_perplexity.mean == pytest.approx(sum(one.test.ink_perplexity for one in of_one) / 2)
    without = [one._replace(test=one.test._replace(ink_perplexity=None)) for one in of_one]  # as recorded by 0.1.0
    assert verdict(without).ink_perplexity is None
    assert f"{spread([0.25]):.2f}" == "0.25"
    assert f"{spread([1.0, 3.0]):.1f}" == "2.0 ± 1.4"


def test_a_run_failed_if_it_is_far_behind_the_best_of_its_recipe_or_broke(tmp_path, digits):
    _, (one, *_) = recorded(tmp_path, digits, digits, epochs=1, seeds=1)
    figures = (0.04, 0.1, 0.13, math.nan)
    runs = [one._replace(seed=n, test=one.test._replace(nmse=nmse)) for n, nmse in enumerate(figures)]
    assert [result.seed for result in failed(runs)] == [2, 3]
    assert failed(runs[:2]) == failed([]) == []
    assert failed(runs[3:]) == runs[3:]


def test_a_single_run_failed_if_one_grey_for_all_pixels_is_no_worse(tmp_path, digits):
    _, (one, *_) = recorded(tmp_path, digits, digits, epochs=1, seeds=1)
    fair, grey = (one._replace(test=one.test._replace(nmse=nmse)) for nmse in (0.99, 1.0))
    assert failed([fair]) == []
    assert failed([grey]) == [grey]


def test_one_command_records_and_another_prints_the_table(tmp_path, capsys):
    command = ["compare", "--dataset", "digits", "--out", str(tmp_path)]
    assert main([*command, "--limit", "60", "--epochs", "1", "--seeds", "2"]) == 0
    printed = capsys.readouterr().out
    assert "2 recipes on 60 embedded digits" in printed
    found = load(tmp_path)
    for result in found.results:
        assert f"{result.test.nmse:.4f}" in printed
    assert main([*command, "--table"]) == 0
    table, _, lines = capsys.readouterr().out.partition("# ")
    said = verdict(found.of("simvq"))
    tried = {one.lr: one.nmse for one in found.trials if one.recipe == "simvq"}
    cells = [f"**{nmse:.4f}**" if lr == said.lr else f"{nmse:.4f}" for lr, nmse in sorted(tried.items())]
    assert f"| `simvq` | {' | '.join(cells)} |" in table
    row = f"| `simvq` | 2 | {said.lr:g} | {said.nmse:.4f} | {said.perplexity:.1f} | {said.ink_perplexity:.1f} |"
    assert row in table
    how = ", ".join(f"{name} {number}" for name, number in found.versions)
    assert "60 training images of digits, 1 epochs, seeds 0, 1; " in table
    assert "python -m vqvae compare --dataset digits --epochs 1 --seeds 2" in table
    assert how in table
    comment, rows = lines.split("\n", 1)
    assert how in comment
    read = list(csv.DictReader(io.StringIO(rows)))
    assert [(row["recipe"], row["seed"], float(row["NMSE"])) for row in read] == [
        (one.recipe, str(one.seed), one.test.nmse) for name in found.recipes for one in found.of(name)
    ]


def test_a_table_of_nothing_is_one_sentence(tmp_path, capsys):
    assert main(["compare", "--table", "--out", str(tmp_path)]) == 1
    assert "expected a comparison in" in capsys.readouterr().err


def test_the_shipped_comparison_was_recorded_by_todays_recipes():
    found = load()
    assert set(found.recipes) == set(found.settings) == set(RECIPES)
    assert found.settings == RECIPES


def test_the_shipped_comparison_is_whole():
    shipped = load()
    assert (shipped.dataset, shipped.images, shipped.epochs) == ("mnist", 60_000, comparison.EPOCHS)
    seeds = range(comparison.SEEDS)
    assert {(one.recipe, one.seed) for one in shipped.results} == {
        (name, seed) for name in shipped.recipes for seed in seeds
    }
    assert {one.curve[-1].step for one in shipped.results} == {2345}
    for recipe in shipped.recipes:
        opened = checkpoint.load(comparison.model_file(comparison.SHIPPED, recipe))
        assert opened.measured == (shipped.of(recipe)[0].test,)


def test_the_longer_shipped_comparison_is_of_the_four_best_recipes_at_the_rates_found_before():
    shipped, longer = load(), load(comparison.LONGER)
    best = shipped.best(4)
    assert (longer.dataset, longer.images, longer.epochs) == ("mnist", 60_000, 40)
    assert [(one.recipe, one.seed, one.lr) for name in longer.recipes for one in longer.of(name)] == [
        (name, 0, verdict(shipped.of(name)).lr) for name in best.recipes
    ]
    assert longer.trials == best.trials
    assert longer.settings == {name: RECIPES[name] for name in best.recipes}
    for recipe in longer.recipes:
        assert longer.of(recipe)[0].curve[-1].step == 18_760
        opened = checkpoint.load(comparison.model_file(comparison.LONGER, recipe))
        assert opened.measured == (longer.of(recipe)[0].test,)


def test_a_shipped_model_of_an_effective_codebook_is_as_good_as_recorded(full_test_set):
    opened = checkpoint.load(comparison.model_file(comparison.SHIPPED, "simvq"))
    again = comparison.evaluate(opened.model, full_test_set, opened.variance)
    assert again.nmse == pytest.approx(opened.measured[0].nmse, rel=1e-3)
    assert abs(again.codes_used - opened.measured[0].codes_used) <= 1
