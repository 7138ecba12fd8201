"""The Codebook page's logic and its figures; clicks are in tests/browser."""

import csv
import io
import math
import threading
import time

import pytest
import torch
from streamlit.testing.v1 import AppTest

from pages.ui import resources
from pages.ui.charts import pictures
from pages.ui.charts.damage import damage
from pages.ui.charts.lift import lift_of_classes
from pages.ui.charts.usage import HALF, usage_by_rank, usage_histogram
from pages.ui.charts.usage import bars as bars_of
from pages.ui.codebook import patches, tables
from pages.ui.components import gallery
from tests.visiting import text_of, visit
from vqvae import data
from vqvae.analysis import ablation
from vqvae.analysis import usage as counting
from vqvae.analysis.ablation import AblationJobs, ablate
from vqvae.analysis.encoding import encode
from vqvae.background.array_cache import ArrayCache
from vqvae.checkpoint import Checkpoint
from vqvae.data import TEN, DataError
from vqvae.evaluation import perplexity
from vqvae.model import VQVAE, ModelConfig
from vqvae.runs.visitor import new_token


def open_page(**address: str) -> AppTest:
    """The page in a new session, as from a link with these fields."""
    return visit("codebook", **address)


@pytest.fixture(autouse=True)
def ablations(monkeypatch, tmp_path) -> AblationJobs:
    """Measurements of this test alone."""
    ablations = AblationJobs(ArrayCache(tmp_path / "ablations"))
    monkeypatch.setattr(resources, "ablations", lambda: ablations)
    return ablations


@pytest.fixture
def small_model(monkeypatch) -> Checkpoint:
    """A random model of twelve codes under the name of the default one; few of its codes are used."""
    return install(monkeypatch, ModelConfig(num_embeddings=12, embedding_dim=5))


def install(monkeypatch, config: ModelConfig) -> Checkpoint:
    with torch.random.fork_rng():
        torch.manual_seed(3)
        checkpoint = Checkpoint(VQVAE(config).requires_grad_(False).eval(), variance=0.1)
    few = data.load(data.EMBEDDED, "all").take(torch.arange(0, 5000, 50))
    monkeypatch.setattr(resources, "checkpoint", lambda name: checkpoint)
    monkeypatch.setattr(resources, "fitted_digits", lambda checkpoint, *_: data.fitted(few, config))
    monkeypatch.setattr(resources, "available_digits", lambda: {"embedded": resources.EMBEDDED})
    for cached in (
        resources.encoded,
        resources.usage,
        resources.reconstructions,
        resources.ablation_key,
        resources.redrawn,
        resources.built,
    ):
        cached.clear()
    return checkpoint


def usage_of(checkpoint: Checkpoint) -> counting.Usage:
    few = resources.fitted_digits(checkpoint, resources.EMBEDDED)
    return counting.usage(encode(checkpoint.model, few), checkpoint.model.config.num_embeddings)


def test_the_page_opens_with_the_most_used_code_where_no_tile_is_a_stroke(small_model):
    page = open_page()
    assert f"Code {int(usage_of(small_model).all_cells.total.argmax())}" in text_of(page)
    assert page.session_state["code"] is None
    assert page.query_params == {}


def test_the_page_opens_with_a_stroke_and_the_background_has_a_line_of_its_own():
    page, default = open_page(), resources.checkpoint("default")
    usage = resources.usage(default, resources.EMBEDDED)
    total, tiles = usage.all_cells.total, resources.tiles(default)
    (code,) = [int(title.value.split()[1]) for title in page.subheader if title.value.startswith("Code ")]
    assert tiles[code].std() > 0.3
    assert all(tiles[other].std() <= 0.3 for other in (total > total[code]).nonzero().flatten().tolist())
    paper = int(total.argmax())  # the darkest of all tiles, and the code that the page opened on before
    assert total[paper] > 2 * usage.ink_cells.total[paper]
    assert f"The background has codes of its own: {paper}, " in text_of(page)


def test_the_sentences_state_codebook_perplexity_and_dead_codes(small_model):
    usage, text = usage_of(small_model), text_of(open_page())
    assert f"**Codebook perplexity {perplexity(usage.all_cells.total):.1f} of 12.**" in text
    assert f"over those with ink alone it is {perplexity(usage.ink_cells.total):.1f}." in text
    assert f"**{len(usage.dead)} of 12 codes are dead.**" in text
    assert "100 embedded digits" in text


def test_a_code_of_one_cell_is_spoken_of_in_the_singular():
    text = text_of(open_page(model="tutorial", code="33"))
    assert "Taken by **1 cell**, " in text
    assert "The only patch that takes it. " in text


def test_one_dead_code_is_spoken_of_in_the_singular(small_model, monkeypatch):
    monkeypatch.setattr(counting.Usage, "dead", torch.tensor([3]))
    page = open_page()
    assert "**1 of 12 codes is dead.** No cell of the 100 embedded digits" in text_of(page)
    assert " takes it, background or not." in text_of(page)
    assert page.selectbox(key="codebook.dead").label == "Pick the dead code"


def test_an_ablation_measures_as_many_images_as_do_not_take_too_long(small_model, monkeypatch):
    monkeypatch.setattr(ablation, "AFFORDABLE", 28 * 28 * ablation.DRAWINGS * 30)
    assert "Each code is banned in turn, on 30 embedded digits" in text_of(open_page())
    assert len(resources.redrawn(small_model, resources.EMBEDDED, (29,), 0).originals) == 1
    with pytest.raises(IndexError):
        resources.redrawn(small_model, resources.EMBEDDED, (30,), 0)


def test_background_cells_can_be_left_out(small_model):
    usage, text = usage_of(small_model), text_of(open_page(cells="ink"))
    assert f"**Codebook perplexity {perplexity(usage.ink_cells.total):.1f} of 12.**" in text
    assert f"over all cells, blank paper included, it is {perplexity(usage.all_cells.total):.1f}." in text
    assert f"{int(usage.ink_cells.total.sum()):,} cells" in text


def test_a_code_picked_by_number_stands_in_the_address(small_model):
    page = open_page()
    page.number_input(key="codebook.typed.code").set_value(3).run()
    assert "Code 3" in text_of(page)
    assert page.query_params["code"] in ("3", ["3"])


def test_a_number_that_no_code_has_says_which_there_are_and_the_code_stays(small_model):
    page = open_page(code="3")
    field = page.number_input(key="codebook.typed.code").set_value(12)
    page = field.run()
    assert [error.value for error in page.error] == ["12 is out of range: 0 to 11."]
    assert page.number_input(key="codebook.typed.code").value == 12
    assert "Code 3" in text_of(page)
    assert page.query_params["code"] in ("3", ["3"])
    page = page.number_input(key="codebook.typed.code").set_value(11).run()
    assert not page.error
    assert "Code 11" in text_of(page)


def test_a_code_picked_from_the_dead_ones_says_that_no_cell_takes_it(small_model):
    page = open_page()
    dead = int(usage_of(small_model).dead[-1])
    page.selectbox(key="codebook.dead").set_value(dead).run()
    text = text_of(page)
    assert f"Code {dead}" in text
    assert "Taken by **no cell** of these images" in text
    assert page.selectbox(key="codebook.dead").value is None
    assert page.session_state["code"] == dead


def test_an_address_sets_the_page(small_model):
    page = open_page(code="5", by="class", scale="log", order="index", cells="ink")
    assert "Code 5" in text_of(page)
    assert not page.warning
    chosen = {group.label: group.value for group in page.button_group}
    assert chosen["Colours"] == "class"
    assert chosen["Scale"] == "log"
    assert chosen["Order"] == "index"
    assert chosen["Cells"] == "ink"


@pytest.mark.parametrize(
    "address", [{"code": "12"}, {"code": "-1"}, {"code": "<b>"}, {"order": "nothing"}, {"digits": "mnist-test"}]
)
def test_nonsense_in_an_address_is_one_calm_sentence(small_model, address):
    page = open_page(**address)
    assert len(page.warning) == 1
    assert "Codebook perplexity" in text_of(page)


def test_start_over_brings_the_first_code_back(small_model):
    page = open_page(code="5", by="class")
    page.button(key="restart").click().run()
    assert page.session_state["code"] is None
    assert page.query_params == {}


@pytest.mark.parametrize("order", ["use", "index", "class", "similarity"])
def test_codes_come_in_every_order(small_model, order, monkeypatch):
    model = small_model.model
    found = (
        model.latents(resources.fitted_digits(small_model, resources.EMBEDDED).images).permute(0, 2, 3, 1).flatten(0, 2)
    )
    model.vq_layer.codebook.copy_(found[:: len(found) // 12][:12])  # so that many are in use
    told = []
    monkeypatch.setattr(gallery, "_component", lambda data, **_: told.append(data))
    assert "Codebook perplexity" in text_of(open_page(order=order))
    (shown,) = (data["order"] for data in told if data["title"] == "All codes")
    assert sorted(shown) == list(range(12))
    counts, vectors = usage_of(small_model).all_cells, model.vq_layer.codebook
    assert (counts.total > 0).sum() > 6
    if order == "use":
        assert counts.total[shown].diff().max() <= 0
    elif order == "index":
        assert shown == sorted(shown)
    elif order == "class":
        used = [code for code in shown if counts.total[code]]
        rates = counts.by_class / usage_of(small_model).images.unsqueeze(1)
        assert rates[:, used].argmax(0).diff().min() >= 0
    else:
        way = vectors[shown].diff(dim=0).norm(dim=1).sum()
        assert way < vectors.diff(dim=0).norm(dim=1).sum()


@pytest.mark.parametrize(
    "sizes",
    [
        {"num_embeddings": 1},
        {"num_embeddings": 300, "embedding_dim": 3},
        {"num_embeddings": 128, "embedding_dim": 3, "levels": (8, 4, 4)},
        {"channels": 3, "height": 32, "width": 48, "num_embeddings": 512, "embedding_dim": 64},
    ],
)
def test_models_of_any_size_walk_through(monkeypatch, sizes):
    install(monkeypatch, ModelConfig(**sizes))
    text = text_of(open_page(code="0", by="class", scale="log"))
    assert f"of {sizes['num_embeddings']}" in text
    assert ("each bar stands for several" in text) == (sizes["num_embeddings"] > 256)


def test_digits_that_cannot_be_read_are_one_calm_sentence(small_model, monkeypatch):
    def refuse(*_):
        raise DataError("The file is damaged: delete it.")

    monkeypatch.setattr(resources, "fitted_digits", refuse)
    page = open_page()
    assert not page.exception
    assert [error.value for error in page.error] == ["These images cannot be opened. The file is damaged: delete it."]


def test_on_a_stage_digits_that_cannot_be_read_are_one_calm_sentence_too(small_model, monkeypatch):
    def refuse(*_):
        raise DataError("The file is damaged: delete it.")

    monkeypatch.setattr(resources, "fitted_digits", refuse)
    page = open_page(present="1")
    assert not page.exception
    assert [error.value for error in page.error] == ["These images cannot be opened. The file is damaged: delete it."]


def test_the_stage_waits_for_no_reconstruction_that_it_does_not_show(small_model, monkeypatch):
    monkeypatch.setattr(resources, "reconstructions", lambda *_: pytest.fail("digits were reconstructed"))
    usage, text = usage_of(small_model), text_of(open_page(present="1"))
    everywhere, on_ink = (perplexity(counts.total) for counts in (usage.all_cells, usage.ink_cells))
    said = f"codebook perplexity {everywhere:.1f} over all cells, {on_ink:.1f} over cells with ink."
    assert f"{len(usage.dead)} codes are dead; {said}" in text
    assert said in text_of(open_page(present="1", cells="ink"))
    assert "100 embedded digits" in text


def test_the_stage_shows_the_patches_that_it_speaks_of(small_model):
    page = open_page(present="1")
    assert "the patches nearest to it" in text_of(page)
    (shown,) = [html.value for html in page.get("html") if "quantisation error" in html.value]
    assert shown.count("<figure") == patches.SHOWN


def test_on_a_stage_a_dead_code_promises_no_patches(small_model):
    text = text_of(open_page(present="1", code=str(int(usage_of(small_model).dead[-1]))))
    assert "Taken by **no cell** of these images" in text
    assert "the patches nearest to it" not in text


# Sections, the card, tables.

SECTIONS = {
    "usage": "An ideal code would spend",
    "digits": "Each row is a digit",
    "positions": "the most open place",
    "neighbours": "stand side by side",
    "damage": "Not measured yet",
    "compare": "| Codebook perplexity, all cells |",
}


@pytest.mark.parametrize(("section", "says"), SECTIONS.items())
@pytest.mark.parametrize("cells", ["all", "ink"])
def test_every_section_draws_alone_and_stands_in_the_address(small_model, section, says, cells):
    page = open_page(section=section, cells=cells)
    text = text_of(page)
    assert [other for other, words in SECTIONS.items() if words in text] == [section]
    assert "100 embedded digits" in text
    if section != "usage":
        assert page.query_params["section"] in (section, [section])


@pytest.mark.parametrize("section", [name for name in SECTIONS if name != "usage"])
@pytest.mark.parametrize(
    "sizes",
    [{"num_embeddings": 1}, {"channels": 3, "height": 32, "width": 48, "num_embeddings": 300, "embedding_dim": 8}],
    ids=["K1", "colour"],
)
def test_every_section_takes_models_of_any_size(monkeypatch, section, sizes):
    install(monkeypatch, ModelConfig(**sizes))
    assert not open_page(section=section, code="0").exception


def test_the_sentences_state_entropy_in_bits(small_model):
    bits = float(counting.entropy_bits(usage_of(small_model).all_cells.total))
    assert f"**Entropy {bits:.2f} of {math.log2(12):.2f} bits.**" in text_of(open_page())


def test_what_breaks_without_a_code_is_measured_when_asked_for_and_then_said(small_model, ablations):
    page = open_page(code="3")
    page.button(key="codebook.ask").click().run()
    deadline = time.monotonic() + 60
    while "with it, **" not in text_of(page).split("What breaks without it")[1] and time.monotonic() < deadline:
        time.sleep(0.2)
        page.run()
    expected = ablate(small_model.model, resources.fitted_digits(small_model, resources.EMBEDDED), small_model.variance)
    worst = int(expected.ranking[0])
    said = f"NMSE **{expected.nmse:.4f}** with it, **{float(expected.without[worst]):.4f}** without"
    assert said in text_of(open_page(code=str(worst)))  # another visitor finds it done
    assert f"**Code {worst} is missed most:**" in text_of(open_page(section="damage"))
    assert len(list(ablations.cache.folder.glob("*.npz"))) == 1


@pytest.fixture
def gate(monkeypatch) -> threading.Event:
    """Measurements wait until it is set."""
    gate = threading.Event()

    def slowly(model, digits, variance, report):
        gate.wait(30)
        return ablate(model, digits, variance, report)

    monkeypatch.setattr(ablation, "ablate", slowly)
    return gate


def test_a_measurement_is_shown_again_after_a_reload(small_model, gate):
    token = new_token()
    visit("codebook", token=token).button(key="codebook.ask").click().run()
    page = visit("codebook", token=token)
    page.button(key="codebook.cancel").click().run()
    gate.set()


def test_a_measurement_can_be_cancelled(small_model, gate):
    page = open_page()
    page.button(key="codebook.ask").click().run()
    job = page.session_state["codebook.asked"].job
    page.button(key="codebook.cancel").click().run()
    assert job.cancelled
    for _ in range(2):  # also once the thread has come to its end
        assert page.button(key="codebook.ask")
        assert not [button for button in page.button if button.key == "codebook.cancel"]
        gate.set()
        page.run()
    assert not page.exception


def test_starting_over_calls_a_measurement_off(small_model, gate):
    page = open_page()
    page.button(key="codebook.ask").click().run()
    job = page.session_state["codebook.asked"].job
    page.button(key="restart").click().run()
    gate.set()
    assert job.cancelled
    assert page.button(key="codebook.ask")
    assert not page.exception


def test_a_measurement_that_fails_says_so_in_a_sentence(small_model, monkeypatch):
    def fail(*_):
        raise MemoryError("no room")

    monkeypatch.setattr(ablation, "ablate", fail)
    page = open_page()
    page.button(key="codebook.ask").click().run()
    deadline = time.monotonic() + 60
    while not page.error and time.monotonic() < deadline:
        time.sleep(0.2)
        page.run()
    assert ["This could not be measured (MemoryError: no room)." in error.value for error in page.error] == [True]


def test_two_models_are_compared_on_the_same_digits(monkeypatch):
    page = open_page(section="compare", model="tutorial")
    assert page.selectbox(key="codebook.with").value == "default"
    text = text_of(page)
    assert "Default (EMA)" in text.replace("\\", "")
    for name in ("default", "tutorial"):
        made = resources.reconstructions(resources.checkpoint(name), resources.EMBEDDED)
        assert f"{float(made.nmse.mean()):.4f}" in text
    assert page.query_params["with"] in ("default", ["default"])


def test_a_model_of_somebody_else_is_not_compared_with_and_that_is_said(small_model):
    link = {"section": "compare", "with": "own-0123456789ab"}
    page = visit("codebook", token="0" * 32, **link)
    assert "The model to compare with is not among yours" in text_of(page)
    assert page.selectbox(key="codebook.with").value == "tutorial"


def test_a_model_to_compare_with_waits_until_it_is_known_whose_it_is(small_model):
    page = open_page(section="compare", **{"with": "own-0123456789ab"})
    assert not page.warning
    assert page.query_params["with"] in ("own-0123456789ab", ["own-0123456789ab"])


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_every_table_can_be_parsed_and_says_its_units(small_model):
    usage, config = usage_of(small_model), small_model.model.config
    few, K, counts = (
        resources.fitted_digits(small_model, resources.EMBEDDED),
        config.num_embeddings,
        usage_of(small_model).all_cells,
    )
    found = ablate(small_model.model, few, small_model.variance)
    beside = counting.pairs(encode(small_model.model, few), True)

    codes = rows_of(tables.codes(usage, counts, found, TEN))
    assert [int(row["cells (count)"]) for row in codes] == counts.total.tolist()
    assert sum(float(row["cells (share)"]) for row in codes) == pytest.approx(1)
    assert [int(row["cells in class 7 (count)"]) for row in codes] == counts.by_class[7].tolist()
    assert [float(row["NMSE without it (ratio)"]) for row in codes] == found.without.tolist()
    assert [code for code, row in enumerate(codes) if row["dead (0 or 1)"] == "1"] == usage.dead.tolist()
    assert rows_of(tables.codes(usage, counts, None, TEN))[0]["NMSE with it (ratio)"] == ""

    classes = rows_of(tables.classes(counts))
    assert sum(int(row["cells (count)"]) for row in classes) == int(counts.total.sum())
    lift = counting.lift(counts.by_class)
    for row in classes[:20]:
        assert float(row["lift (ratio)"]) == float(lift[int(row["class (label)"]), int(row["code (index)"])])

    positions = rows_of(tables.positions(counts))
    assert len(positions) == config.cells
    assert all(int(row["cells (count)"]) == len(few) for row in positions)
    assert float(positions[8]["entropy (bits)"]) == float(counting.entropy_bits(counts.by_position)[1, 1])

    neighbours = rows_of(tables.neighbours(beside, K))
    assert sum(int(row["times side by side (count)"]) for row in neighbours) == 2 * len(beside.one)
    lift = counting.lift(counting.adjacency(encode(small_model.model, few), True, torch.arange(K), K)[:K, :K])
    for row in neighbours[:20]:
        met = int(row["code (index)"]), int(row["beside code (index)"])
        assert float(row["lift (ratio)"]) == pytest.approx(float(lift[met]))

    damage = rows_of(tables.damage(found))
    assert [int(row["code (index)"]) for row in damage] == found.ranking.tolist()
    worst = damage[0]["images damaged most (indices)"].split()
    assert [int(index) for index in worst] == found.digits_of(int(found.ranking[0])).tolist()

    compared = rows_of(tables.comparison([tables.ComparedModel("mine, of 64 codes", 64, 30.5, 41.5, 4.9, 2, 0.03)]))
    assert compared[0]["model"] == "mine, of 64 codes"
    assert float(compared[0]["entropy over all cells (bits)"]) == 4.9


# The figures.


@pytest.fixture
def by_class() -> torch.Tensor:
    counts = torch.randint(0, 50, (10, 20), generator=torch.Generator().manual_seed(0))
    counts[:, 4] = 0
    counts[:, 5] = torch.eye(10, dtype=torch.int64)[7]  # used once, by a 7
    return counts


def draw(by_class, **options):
    chosen = {"logarithmic": False, "split_by_class": False, "picked": None, **options}
    return usage_histogram(by_class, torch.arange(by_class.shape[1]), "code", 0, TEN, "digit", **chosen)


def test_bars_stand_for_codes_in_the_order_given(by_class):
    order = by_class.sum(0).argsort()
    looks = {"logarithmic": False, "split_by_class": False, "picked": 4}
    bars, columns = usage_histogram(by_class, order, "rank", 1, TEN, "digit", **looks).data
    assert [code for (code,) in columns.customdata] == order.tolist()
    assert list(bars.y) == by_class.sum(0)[order].tolist()
    assert list(bars.x) == list(range(1, 21))
    assert order[list(columns.selectedpoints)].tolist() == [4]


@pytest.mark.parametrize(("K", "bars", "each"), [(256, 256, 1), (257, 129, 2), (512, 256, 2), (1000, 250, 4)])
def test_over_256_codes_share_bars(K, bars, each):
    groups = bars_of(torch.arange(K))
    assert len(groups) == bars
    assert len(groups[0]) == each
    assert sorted(code for group in groups for code in group) == list(range(K))


def test_linear_bars_are_as_high_as_their_counts(by_class):
    bars, _ = draw(by_class).data
    assert list(bars.y) == by_class.sum(0).tolist()


def test_logarithmic_bars_end_at_their_counts_and_show_a_single_use(by_class):
    bars, _ = draw(by_class, logarithmic=True).data
    for height, count in zip(bars.y, by_class.sum(0).tolist(), strict=True):
        assert height + bars.base == pytest.approx(count) if count else height == 0
    assert bars.y[5] > 0


def test_parts_of_a_linear_bar_are_the_classes_counts(by_class):
    *parts, _ = draw(by_class, split_by_class=True).data
    assert len(parts) == 10
    for label, part in enumerate(parts):
        assert list(part.y) == pytest.approx(by_class[label].tolist(), abs=1e-9)


def test_parts_of_a_logarithmic_bar_divide_its_height_by_their_shares(by_class):
    *parts, _ = draw(by_class, split_by_class=True, logarithmic=True).data
    total = by_class.sum(0)
    for code in (0, 5, 19):
        height = math.log(int(total[code]) / HALF)
        for label, part in enumerate(parts):
            drawn = math.log((part.base[code] + part.y[code]) / part.base[code])
            assert drawn == pytest.approx(height * int(by_class[label, code]) / int(total[code]), abs=1e-9)


def test_every_column_can_be_clicked_and_names_its_code(by_class):
    for logarithmic in (False, True):
        *_, columns = draw(by_class, logarithmic=logarithmic).data
        assert [code for (code,) in columns.customdata] == list(range(20))
        assert min(columns.y) > 0


def test_a_shared_bar_names_its_most_used_code():
    by_class = torch.zeros(10, 512, dtype=torch.int64)
    by_class[0, 7] = 3
    *_, columns = draw(by_class).data
    assert list(columns.customdata[3]) == [7]


def test_the_picked_code_is_drawn_as_selected(by_class):
    *_, columns = draw(by_class, picked=4).data
    assert [columns.customdata[place][0] for place in columns.selectedpoints] == [4]
    *_, columns = draw(by_class, picked=None).data
    assert list(columns.selectedpoints) == []


@pytest.mark.parametrize("K", [20, 300])
def test_lift_is_drawn_from_an_eighth_to_eight_times_in_the_order_given(K):
    counts = torch.zeros(10, K, dtype=torch.int64)
    counts[:, 3], counts[2, 7], counts[:2, 9] = 10, 90, 5
    order = torch.arange(K).flip(0) if K < 256 else torch.arange(K)
    figure = lift_of_classes(counting.lift(counts), counts, order, 7, TEN, "digit")
    (matrix,) = figure.data
    assert list(matrix.x) == [str(code) for code in order[:256].tolist()]
    places = {code: list(matrix.x).index(str(code)) for code in (3, 5, 7, 9)}
    values = [value for row in matrix.z for value in row if value is not None]
    assert -3 == min(values) <= max(values) <= 3
    assert matrix.z[2][places[7]] == 1  # twice as often
    assert matrix.z[2][places[9]] == -3  # never
    assert {row[places[5]] for row in matrix.z} == {None}  # dead
    assert [(shape.x0 + shape.x1) / 2 for shape in figure.layout.shapes] == [places[7]]


def test_bars_of_damage_are_ranked_clickable_and_as_high_as_what_is_added():
    without = torch.tensor([0.11, 0.1, 0.4, 0.0999, 0.1000001], dtype=torch.float64)
    ranking = without.argsort(descending=True, stable=True)
    bars, columns = damage(0.1, without, ranking, picked=0).data
    assert [code for (code,) in columns.customdata] == ranking.tolist() == [2, 0, 4, 1, 3]
    assert list(bars.y) == pytest.approx([0.3, 0.01, 1e-7, 0, -1e-4], abs=1e-9)
    assert list(columns.selectedpoints) == [1]
    assert min(columns.y) > 0


def test_usage_by_rank_ends_at_the_last_code_in_use():
    one, other = torch.tensor([0, 6, 2, 0]), torch.tensor([5, 5])
    first, second = usage_by_rank([("one", one), ("other", other)]).data
    assert list(first.y) == [0.75, 0.25]
    assert list(second.y) == [0.5, 0.5]


@pytest.mark.parametrize("K", [1, 31, 32, 33, 512])
def test_a_sheet_holds_every_tile_at_its_place(K):
    tiles = torch.rand(K, 3, 4, 4)
    sheet = gallery.sheet(tiles)
    for code in range(K):
        row, column = divmod(code, gallery.COLUMNS)
        assert torch.equal(sheet[:, 4 * row : 4 * row + 4, 4 * column : 4 * column + 4], tiles[code])


def test_a_montage_keeps_its_room_and_says_what_each_patch_is():
    pixels = torch.zeros(2, 1, 7, 7, dtype=torch.uint8)
    html = pictures.patches(pixels, torch.ones(2, 7, 7, dtype=torch.bool), [3, 5], ["a 3", "a 5"], places=24)
    assert html.count("<figure") == 24
    assert html.count("data:image/png") == 2
    assert 'alt="a 5"' in html
