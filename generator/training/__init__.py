"""Trains the embedded model from procedural scenes: autoencoder, latent pool, diffusion transformer.

Everything is drawn from fixed seeds and resumes from its checkpoints; `python -m generator.train` runs it.
"""
