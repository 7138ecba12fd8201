"""What several components run in the browser: the model itself (`vqvae.js`), and when a page is at rest (`idle.js`)."""

from pathlib import Path

FOLDER = Path(__file__).parent
