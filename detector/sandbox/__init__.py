"""Runs whatever touches hostile bytes in a confined child process and brings back only checked values.

The child inherits one open descriptor of the input, can open, write, start or connect to nothing, and is
killed past its limits. Knows nothing of marks, verdicts or repositories.
"""
