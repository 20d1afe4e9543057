"""Decides whether a request may be generated, and writes every decision into a log an outsider can check.

Knows nothing of models, marks, credentials or files of video; starts without torch.
"""
