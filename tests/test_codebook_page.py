"""The Codebook page's logic and its figures; clicks are in tests/browser."""

import math
from pathlib import Path

import pytest
import torch
from streamlit.testing.v1 import AppTest

from pages.ui import figures, gallery, pictures, resources
from vqvae import codebook, data
from vqvae.checkpoint import Checkpoint
from vqvae.data import DataError
from vqvae.evaluation import perplexity
from vqvae.model import VQVAE, ModelConfig

APP = str(Path(__file__).parents[1] / "app.py")


def open_page(**address: str) -> AppTest:
    """The page in a new session, as from a link with these fields."""
    page = AppTest.from_file(APP, default_timeout=60).switch_page("pages/codebook.py")
    for name, value in address.items():
        page.query_params[name] = value
    return page.run()


def text_of(page: AppTest) -> str:
    assert not page.exception
    return "\n".join(element.value for kind in (page.subheader, page.markdown, page.caption) for element in kind)


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
    monkeypatch.setattr(resources, "fitted_digits", lambda checkpoint, *_: codebook.fitted(few, config))
    monkeypatch.setattr(resources, "available_digits", lambda: {"embedded": (data.EMBEDDED, "all")})
    resources.encoded.clear()
    resources.usage.clear()
    return checkpoint


def usage_of(checkpoint: Checkpoint) -> codebook.Usage:
    few = resources.fitted_digits(checkpoint)
    return codebook.usage(codebook.encode(checkpoint.model, few), checkpoint.model.config.num_embeddings)


def test_the_page_opens_with_the_most_used_code(small_model):
    page = open_page()
    assert f"Code {int(usage_of(small_model).all_cells.total.argmax())}" in text_of(page)
    assert page.session_state["code"] is None
    assert page.query_params == {}


def test_the_sentences_state_codebook_perplexity_and_dead_codes(small_model):
    usage, text = usage_of(small_model), text_of(open_page())
    assert f"**Codebook perplexity {perplexity(usage.all_cells.total):.1f} of 12.**" in text
    assert f"**{len(usage.dead)} of 12 codes are dead.**" in text
    assert "100 embedded digits" in text


def test_background_cells_can_be_left_out(small_model):
    usage, text = usage_of(small_model), text_of(open_page(cells="ink"))
    assert f"**Codebook perplexity {perplexity(usage.ink_cells.total):.1f} of 12.**" in text
    assert f"{int(usage.ink_cells.total.sum()):,} cells" in text


def test_a_code_picked_by_number_stands_in_the_address(small_model):
    page = open_page()
    page.number_input(key="code").set_value(3).run()
    assert "Code 3" in text_of(page)
    assert page.query_params["code"] in ("3", ["3"])


def test_a_code_picked_from_the_dead_ones_says_that_no_cell_takes_it(small_model):
    page = open_page()
    dead = int(usage_of(small_model).dead[-1])
    page.selectbox(key="codebook.dead").set_value(dead).run()
    text = text_of(page)
    assert f"Code {dead}" in text
    assert "Taken by **no cell** of these digits" in text
    assert page.selectbox(key="codebook.dead").value is None
    assert page.session_state["code"] == dead


def test_an_address_sets_the_page(small_model):
    page = open_page(code="5", by="class", scale="log", order="index", patches="typical")
    assert "Code 5" in text_of(page)
    assert not page.warning
    chosen = {group.label: group.value for group in page.button_group}
    assert chosen["Colours"] == "class"
    assert chosen["Scale"] == "log"
    assert chosen["Order"] == "index"
    assert chosen["Real patches"] == "typical"


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
def test_codes_come_in_every_order(small_model, order):
    assert "Codebook perplexity" in text_of(open_page(order=order))


@pytest.mark.parametrize(
    "sizes",
    [
        {"num_embeddings": 1},
        {"num_embeddings": 300, "embedding_dim": 3},
        {"channels": 3, "height": 32, "width": 48, "num_embeddings": 512, "embedding_dim": 64},
    ],
)
def test_models_of_any_size_walk_through(monkeypatch, sizes):
    install(monkeypatch, ModelConfig(**sizes))
    text = text_of(open_page(code="0", by="class", scale="log"))
    assert f"of {sizes['num_embeddings']}" in text
    assert ("a bar is several" in text) == (sizes["num_embeddings"] > 256)


def test_digits_that_cannot_be_read_are_one_calm_sentence(small_model, monkeypatch):
    def refuse(*_):
        raise DataError("The file is damaged: delete it.")

    monkeypatch.setattr(resources, "fitted_digits", refuse)
    page = open_page()
    assert not page.exception
    assert [error.value for error in page.error] == ["These digits cannot be opened. The file is damaged: delete it."]


# The figures.


@pytest.fixture
def by_class() -> torch.Tensor:
    counts = torch.randint(0, 50, (10, 20), generator=torch.Generator().manual_seed(0))
    counts[:, 4] = 0
    counts[:, 5] = torch.eye(10, dtype=torch.int64)[7]  # used once, by a 7
    return counts


def draw(by_class, **options):
    chosen = {"logarithmic": False, "split_by_class": False, "picked": None, **options}
    return figures.usage_histogram(by_class, torch.arange(by_class.shape[1]), "code", 0, **chosen)


def test_bars_stand_for_codes_in_the_order_given(by_class):
    order = by_class.sum(0).argsort()
    bars, columns = figures.usage_histogram(
        by_class, order, "rank", 1, logarithmic=False, split_by_class=False, picked=4
    ).data
    assert [code for (code,) in columns.customdata] == order.tolist()
    assert list(bars.y) == by_class.sum(0)[order].tolist()
    assert list(bars.x) == list(range(1, 21))
    assert order[list(columns.selectedpoints)].tolist() == [4]


@pytest.mark.parametrize(("K", "bars", "each"), [(256, 256, 1), (257, 129, 2), (512, 256, 2), (1000, 250, 4)])
def test_over_256_codes_share_bars(K, bars, each):
    groups = figures.bars(torch.arange(K))
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
        height = math.log(int(total[code]) / figures.HALF)
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


@pytest.mark.parametrize("K", [1, 31, 32, 33, 512])
def test_a_sheet_holds_every_tile_at_its_place(K):
    tiles = torch.rand(K, 3, 4, 4)
    sheet = gallery.sheet(tiles)
    for code in range(K):
        row, column = divmod(code, gallery.COLUMNS)
        assert torch.equal(sheet[:, 4 * row : 4 * row + 4, 4 * column : 4 * column + 4], tiles[code])


def test_a_montage_keeps_its_room_and_says_what_each_patch_is():
    pixels = torch.zeros(2, 1, 7, 7, dtype=torch.uint8)
    html = pictures.montage(pixels, torch.ones(2, 7, 7, dtype=torch.bool), [3, 5], ["a 3", "a 5"], places=24)
    assert html.count("<figure") == 24
    assert html.count("data:image/png") == 2
    assert 'alt="a 5"' in html
