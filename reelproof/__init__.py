"""The front door: the pipeline's story, jobs, settings, wiring, command line, HTTP service and pages."""

__version__ = "0.1.0"
