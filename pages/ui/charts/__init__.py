"""Arrays in, figures or HTML out; no Streamlit here."""
