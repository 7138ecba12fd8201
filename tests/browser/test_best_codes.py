"""Best codes on Draw: other codes than the nearest ones, where these draw the digit better."""

import torch
from playwright.sync_api import expect

from tests.browser.hand import DIGIT, codes, stroke, until
from vqvae import data
from vqvae.analysis.best_codes import best_codes
from vqvae.checkpoint import SHIPPED, load


def numbers(page) -> list[int]:
    return [int(one.rsplit(" ", 1)[1]) for one in codes(page)]


def switch(page):
    return page.get_by_role("button", name="Best codes")


def test_the_best_codes_are_torchs_and_leave_with_the_switch(bench):
    page = bench()
    nearest = numbers(page)
    switch(page).click()
    model = load(SHIPPED["default"]).model
    image = data.to_unit(data.load(data.EMBEDDED, "all").pixels[DIGIT : DIGIT + 1])
    wanted = best_codes(model, image, torch.tensor(nearest).view(1, *model.config.grid)).flatten().tolist()
    page.get_by_text("codes changed").wait_for()
    until(lambda: numbers(page) == wanted, "torch's codes")
    switch(page).click()
    until(lambda: numbers(page) == nearest, "the encoder's codes")
    expect(switch(page)).to_have_attribute("aria-pressed", "false")


def test_a_stroke_is_looked_at_anew_and_a_hand_on_the_codes_ends_it(bench):
    page = bench()
    switch(page).click()
    stroke(page, (0.3, 0.3), (0.6, 0.7))
    page.get_by_text("codes changed").wait_for()
    edited = page.locator("[role=gridcell][data-edited=true]")
    before = edited.count()
    assert before > 0
    expect(switch(page)).to_have_attribute("aria-pressed", "true")
    edited.first.press("Delete")
    expect(switch(page)).to_have_attribute("aria-pressed", "false")
    expect(edited).to_have_count(before - 1)
