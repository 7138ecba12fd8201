"""Latents in a plane: as they are where they have two numbers, else projected as scikit-learn's PCA does it."""

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

from vqvae.analysis.plane import place, project
from vqvae.model import ModelConfig


def test_the_projection_is_scikit_learns_pca():
    vectors = np.random.default_rng(0).normal(size=(300, 7)).astype(np.float32) * [5, 1, 3, 1, 1, 0.1, 2]
    ours, theirs = project(vectors), PCA(2).fit(vectors)
    signs = np.sign((ours.matrix * theirs.components_).sum(1, keepdims=True))
    assert ours.matrix * signs == pytest.approx(theirs.components_, abs=1e-5)
    assert ours.mean == pytest.approx(theirs.mean_, abs=1e-5)
    assert ours.explained == pytest.approx(theirs.explained_variance_ratio_.sum(), abs=1e-6)


def test_two_numbers_are_drawn_as_they_are(make_model, digits):
    model = make_model(ModelConfig(num_embeddings=8, embedding_dim=2))
    placed = place(model, digits)
    latents = model.latents(digits.images).permute(0, 2, 3, 1).flatten(0, 2)
    assert placed.projection.matrix.tolist() == [[1, 0], [0, 1]]
    assert placed.projection.mean.tolist() == [0, 0]
    points = torch.from_numpy(placed.points)
    gaps = torch.cdist(points, latents, compute_mode="donot_use_mm_for_euclid_dist").min(1).values
    assert gaps.max() < 1e-6  # each is a latent of these digits


@pytest.mark.parametrize("D", [1, 2, 5])
def test_vectors_that_are_all_alike_and_single_ones_have_a_plane_too(D):
    for count in (1, 3):
        projection = project(np.ones((count, D), np.float32))
        assert np.isfinite(projection.matrix).all()
        assert projection.matrix.shape == (2, D)
        assert 0 <= projection.explained <= 1
