"""The verify pages as a screen reader, a phone and the dark meet them; the browser reads credentials itself."""

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.service.running import RunningServer

AXE = Path(__file__).with_name("axe") / "axe.min.js"
pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
]
PATIENCE_MS = 120_000
VIEWS = [(scheme, width) for scheme in ("light", "dark") for width in (390, 1280)]


@pytest.fixture(scope="module")
def sealed(server: RunningServer, large_clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip that this server marked and signed."""
    files = {"file": ("large.mp4", large_clip.read_bytes(), "video/mp4")}
    answer = server.client.post("/v1/seal", files=files, data={"system": "Test", "model": "test"})
    assert answer.status_code == 200, answer.text
    path = tmp_path_factory.mktemp("sealed") / "sealed.mp4"
    path.write_bytes(server.client.get(f"/v1/seal/{answer.json()['id']}/content").content)
    return path


@pytest.fixture(scope="module")
def verdicts(server: RunningServer, sealed: Path, plain_clip: Path) -> dict[str, str]:
    """IDs of a verified, an altered, an unknown and an unreadable clip's verdicts."""
    changed = bytearray(sealed.read_bytes())
    changed[-20] ^= 1
    sent = {"verified": sealed.read_bytes(), "altered": bytes(changed), "no_evidence": plain_clip.read_bytes(),
            "unreadable": b"no clip"}  # fmt: skip
    found = {}
    for expected, content in sent.items():
        answer = server.client.post("/v1/verify", files={"file": ("clip.mp4", content, "video/mp4")}).json()
        assert answer["conclusion"] == expected
        found[expected] = answer["id"]
    return found


def violations(page: Page) -> list[Any]:
    """What axe finds against the page as it stands, each rule with the first element that breaks it."""
    page.evaluate(AXE.read_text())
    found = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
    return [(one["id"], one["nodes"][0]["html"][:200]) for one in found["violations"]]


def opened(browser: Browser, server: RunningServer, scheme: str, width: int) -> Page:
    view = {"width": width, "height": 900}
    # The pages allow no script but their own; axe comes from the test, and meets the pages when nothing fades in.
    context = browser.new_context(
        base_url=server.url,
        color_scheme=scheme,  # type: ignore[arg-type]
        viewport=view,  # type: ignore[arg-type]
        bypass_csp=True,
        reduced_motion="reduce",
    )
    return context.new_page()


@pytest.mark.parametrize(("scheme", "width"), VIEWS)
def test_pages_and_verdicts_are_accessible(
    browser: Browser, server: RunningServer, verdicts: dict[str, str], scheme: str, width: int
) -> None:
    """axe finds nothing on the start page, on verdicts of four kinds and on reports; all fits on a phone."""
    page = opened(browser, server, scheme, width)
    paths = ["/", *(f"/verdicts/{one}" for one in verdicts.values())]
    paths += [f"/v1/verify/{verdicts[name]}/report" for name in ("verified", "no_evidence")]
    for path in paths:
        page.goto(path)
        assert (path, violations(page)) == (path, [])
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.context.close()


def test_the_browser_reads_the_credential_itself(
    browser: Browser,
    server: RunningServer,
    verdicts: dict[str, str],
    sealed: Path,
    plain_clip: Path,
    tmp_path: Path,
) -> None:
    """The library in the page agrees with the server on a whole, a changed and a bare clip, and tells another."""
    context = browser.new_context(base_url=server.url)
    page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    changed = bytearray(sealed.read_bytes())
    changed[-20] ^= 1
    (tmp_path / "changed.mp4").write_bytes(changed)
    for name, path, outcome, words in (
        ("verified", sealed, "same", "this server's lists"),
        ("altered", tmp_path / "changed.mp4", "same", "does not hold"),
        ("no_evidence", plain_clip, "same", "no credential"),
        ("no_evidence", sealed, "differs", "The server says something else"),
    ):
        page.goto(f"/verdicts/{verdicts[name]}")
        page.set_input_files("#own-file", path)
        section = page.locator(".own-check")
        expect(section).to_have_attribute("data-outcome", outcome, timeout=PATIENCE_MS)
        expect(section).to_contain_text(words)
    assert all(url.startswith((server.url, "blob:", "data:")) for url in asked)
    context.close()


def test_the_report_can_be_had_as_a_pdf(server: RunningServer, verdicts: dict[str, str]) -> None:
    """A finished verification gives its pages; an unknown one does not."""
    for one in verdicts.values():
        answer = server.client.get(f"/v1/verify/{one}/report.pdf")
        assert answer.headers["content-type"] == "application/pdf"
        assert answer.content.startswith(b"%PDF-")
    assert server.client.get(f"/v1/verify/verify_{'0' * 32}/report.pdf").status_code == 404
