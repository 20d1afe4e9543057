"""The slot for a classifier of clips without marks: a folder that an operator trains, pins and answers for.

One small one comes with the package, off unless asked for, which can't conclude anything (docs/detector.md).
Without one, no verdict says anything of the kind.
"""
