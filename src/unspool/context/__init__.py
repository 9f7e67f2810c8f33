"""What a run is about: text or data that is kept outside of the model."""
