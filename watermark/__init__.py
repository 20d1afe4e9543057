"""Two invisible marks that carry an ID: one in a clip's pixels, one in a model's initial latents.

Stateless codecs: key, payload and random generator are arguments. Knows nothing of models, files of
video, credentials or policies. No torch.
"""
