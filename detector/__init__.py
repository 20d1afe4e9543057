"""Gathers evidence on any clip, fuses it into one honest verdict, and shows it.

Knows nothing of policies or models: mark readers, the repository and the latent inverter are handed to it.
"""
