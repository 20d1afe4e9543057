"""Turns a request and initial latents into a clip, and a clip back into the latents it began as.

Knows nothing of policies, keys, marks or credentials: the noise it starts from is handed to it.
"""
