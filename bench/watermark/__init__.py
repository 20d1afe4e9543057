"""The watermark bench: every attack of the field's suite on real, generated and drawn clips, in one resumable run.

`python -m bench.watermark --help` lists the parts; `reelproof bench watermark` calls the same.
"""
