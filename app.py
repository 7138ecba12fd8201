"""Home: what a VQ-VAE is, in one screen."""

from pages.ui.frame import frame

scene = frame("Home", "A vector-quantised autoencoder writes a picture down as a handful of codes, and draws it again from them.")
scene.state.publish()
