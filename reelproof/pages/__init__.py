"""The pages' templates and static files: Jinja2, one stylesheet, one ES module, nothing from elsewhere."""

from pathlib import Path

FOLDER = Path(__file__).parent
TEMPLATES = FOLDER / "templates"
STATIC = FOLDER / "static"
