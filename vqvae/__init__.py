"""A vector-quantised autoencoder to look inside: the model, its training, its checkpoints and what its codebook does.

Van den Oord, Vinyals and Kavukcuoglu, "Neural Discrete Representation Learning", 2017.
This package knows no page: it imports neither Streamlit nor plotly.
"""
