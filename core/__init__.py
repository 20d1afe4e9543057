"""What every room speaks: clips and video files, canonical JSON and digests, errors, the clock.

Knows nothing of policies, models, marks, credentials or verdicts, and starts without torch.
"""
