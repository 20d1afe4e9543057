"""The slot for a classifier of clips without marks: a folder that an operator trains, pins and answers for.

None ships with this release (docs/detector.md). Without one, no verdict says anything of the kind.
"""
