"""Rules of the documentation: what it names exists, and what exists is named."""

import re
from pathlib import Path

from typer.main import get_command

from reelproof.cli.entry import app

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]


def test_every_link_leads_somewhere() -> None:
    """A relative link or picture in any page names a file that is there."""
    missing = []
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text()):
            if "://" not in target and not (page.parent / target).exists():
                missing.append(f"{page.relative_to(ROOT)}: {target}")
    assert missing == []


def test_every_command_is_documented() -> None:
    """docs/cli.md names each command and subcommand that the program has."""
    page = (ROOT / "docs" / "cli.md").read_text()
    for name, command in get_command(app).commands.items():  # type: ignore[attr-defined]
        children = getattr(command, "commands", {})
        for spoken in [f"{name} {child}" for child in children] or [name]:
            assert f"`{spoken}" in page


def test_no_page_names_a_path_of_one_machine() -> None:
    """Documentation speaks of folders anyone has."""
    machine_paths = re.compile(r"(?<![\w.])/(?:work|opt|root|home/\w+)/")
    assert [str(page) for page in PAGES if machine_paths.search(page.read_text())] == []
