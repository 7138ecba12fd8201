"""Finding digits in words, held against the plain conditions."""

import pytest
import torch

from vqvae.analysis.search import SearchError, search, telling_codes

N, K = 200, 6
GENERATOR = torch.Generator().manual_seed(0)
LABELS = torch.arange(N) % 10
CODES = torch.randint(0, K, (N, 3, 4), generator=GENERATOR)
NMSE = torch.rand(N, generator=GENERATOR)


def find(request: str):
    return search(request, LABELS, CODES, NMSE, K)


@pytest.mark.parametrize("request_", ["3", "class 3", " Digit 3 "])
def test_a_class_is_found(request_):
    found = find(request_)
    assert torch.equal(found.digits, LABELS == 3)
    assert torch.equal(found.cells, (LABELS == 3).view(N, 1, 1).expand(N, 3, 4))


@pytest.mark.parametrize("request_", ["#123", "123", "index 123"])
def test_a_digit_is_found_by_its_number(request_):
    assert find(request_).digits.nonzero().tolist() == [[123]]


def test_a_code_is_found_anywhere_or_at_its_place():
    assert torch.equal(find("code 5").digits, (CODES == 5).flatten(1).any(1))
    assert torch.equal(find("code 5").cells, CODES == 5)
    assert torch.equal(find("uses code 5 at row 3").digits, (CODES[:, 2] == 5).any(1))
    assert torch.equal(find("code 5 row 3 column 4").digits, CODES[:, 2, 3] == 5)
    assert int(find("code 5 column 4").cells[:, :, :3].sum()) == 0


def test_the_worst_and_the_best_are_found():
    assert set(find("worst 7").digits.nonzero().flatten().tolist()) == set(NMSE.topk(7).indices.tolist())
    assert set(find("best 7").digits.nonzero().flatten().tolist()) == set((-NMSE).topk(7).indices.tolist())


def test_conditions_are_joined_and_the_worst_come_last():
    of_class = (LABELS == 4).nonzero().flatten()
    worst = of_class[NMSE[of_class].topk(5).indices]
    assert set(find("worst 5 and class 4").digits.nonzero().flatten().tolist()) == set(worst.tolist())


@pytest.mark.parametrize(
    "request_", ["", "three", "code", "code 6", "code 1 row 4", "code 1 row 0", "#200", "class 10", "worst 0", "1 and"]
)
def test_what_cannot_be_meant_is_answered_with_what_can(request_):
    with pytest.raises(SearchError, match="expected"):
        find(request_)


def test_telling_codes_are_those_the_selection_uses_more():
    selected = (CODES == 2).flatten(1).any(1)
    telling = telling_codes(CODES, selected, K, 3)
    assert int(telling.codes[0]) == 2
    assert (float(telling.inside[0]), float(telling.outside[0])) == (1, 0)
    for code, inside, outside in zip(*telling, strict=True):
        uses = (CODES == code).flatten(1).any(1).double()
        assert float(uses[selected].mean()) == pytest.approx(float(inside))
        assert float(uses[~selected].mean()) == pytest.approx(float(outside))


@pytest.mark.parametrize("selected", [torch.ones(N, dtype=torch.bool), torch.zeros(N, dtype=torch.bool)])
def test_nothing_tells_all_from_none(selected):
    assert len(telling_codes(CODES, selected, K, 3).codes) == 0


@pytest.mark.parametrize(("request_", "label"), [("class 11", 11), ("Kind 3", 3), ("class kind 12", 12), ("0", 0)])
def test_images_of_other_classes_are_found_by_their_number_and_by_their_name(request_, label):
    labels, classes = torch.arange(26) % 13, [f"kind {n}" for n in range(13)]
    found = search(request_, labels, torch.zeros(26, 2, 2, dtype=torch.int64), torch.zeros(26), 4, classes)
    assert found.digits.nonzero().flatten().tolist() == [label, label + 13]


def test_a_class_that_there_is_not_says_which_there_are():
    images = torch.zeros(4, dtype=torch.int64), torch.zeros(4, 2, 2, dtype=torch.int64), torch.zeros(4)
    with pytest.raises(SearchError, match="a class from 0 to 1, got 7"):
        search("class 7", *images, 4, ["cat", "dog"])


def found_label(request_: str, *classes: str) -> int:
    """Which of two images of each of these classes a request finds both."""
    labels = torch.arange(2 * len(classes)) % len(classes)
    grids, nmse = torch.zeros(len(labels), 2, 2, dtype=torch.int64), torch.zeros(len(labels))
    found = search(request_, labels, grids, nmse, 4, classes).digits.nonzero().flatten().tolist()
    assert found[1] == found[0] + len(classes)
    return found[0]


@pytest.mark.parametrize(("request_", "label"), [("class 1", 0), ("1", 0), ("3", 2), ("label 3", 2), ("class 12", 3)])
def test_a_class_whose_name_is_a_number_is_found_by_that_name(request_, label):
    assert found_label(request_, "1", "2", "3", "12") == label


@pytest.mark.parametrize(
    ("request_", "label"),
    [
        ("salt and pepper", 1),
        ("class Salt and Pepper and worst 2", 1),
        ("worst 2, salt", 0),
        ("t-shirt (red)", 2),
        ("class red, white and blue; best 2", 3),
    ],
)
def test_a_class_is_found_whatever_its_name_holds(request_, label):
    assert found_label(request_, "salt", "salt and pepper", "T-shirt (red)", "red, white and blue") == label
