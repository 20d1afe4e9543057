"""The pages, in a real browser."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.service.running import RunningServer

pytestmark = pytest.mark.browser
PATIENCE_MS = 90_000
DROP = """async ([name, bytes]) => {
  const transfer = new DataTransfer();
  transfer.items.add(new File([new Uint8Array(bytes)], name, { type: "video/mp4" }));
  const target = document.querySelector("#drop");
  for (const kind of ["dragenter", "dragover", "drop"])
    target.dispatchEvent(new DragEvent(kind, { bubbles: true, cancelable: true, dataTransfer: transfer }));
}"""


@pytest.fixture
def page(browser: Browser, server: RunningServer) -> Iterator[Page]:
    """A fresh page; what its console complains of, and any request to elsewhere, fails the test."""
    context = browser.new_context(base_url=server.url)
    opened = context.new_page()
    opened.set_default_timeout(PATIENCE_MS)
    complaints: list[str] = []
    opened.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
    opened.on("pageerror", lambda fault: complaints.append(str(fault)))
    opened.on("request", lambda asked: complaints.append(asked.url) if _is_foreign(asked.url, server) else None)
    yield opened
    context.close()
    assert [line for line in complaints if "status of 400" not in line] == []


def _is_foreign(url: str, server: RunningServer) -> bool:
    return not url.startswith((server.url, "data:", "blob:"))


def test_dropped_clip_is_answered_on_the_page(page: Page, plain_clip: Path) -> None:
    """Drop a clip, read the verdict, open it again by its link."""
    page.goto("/")
    page.evaluate(DROP, ["holiday.mp4", list(plain_clip.read_bytes())])
    answer = page.locator("#answer .answer")
    expect(answer).to_be_visible(timeout=PATIENCE_MS)
    expect(answer).to_have_attribute("data-conclusion", "no_evidence")
    expect(answer).to_contain_text("holiday.mp4")
    expect(page.locator("#drop")).to_be_hidden()
    assert page.url.split("/")[-2] == "verdicts"
    page.reload()
    expect(page.locator("#answer h1")).to_be_visible()
    page.get_by_role("link", name="Full report").click()
    expect(page.locator("h1")).to_be_visible()


def test_clip_is_made_in_the_studio(page: Page) -> None:
    """Ask for a clip, watch its phases, see it play, read its facts."""
    page.goto("/studio")
    page.get_by_label("What should it show?").fill("a red ball rolling to the right")
    page.get_by_role("button", name="Make the clip").click()
    expect(page.locator("#phases .now, #phases .done").first).to_be_attached(timeout=PATIENCE_MS)
    expect(page.locator("#released")).to_be_visible(timeout=PATIENCE_MS)
    expect(page.locator("#player")).not_to_have_js_property("videoWidth", 0, timeout=PATIENCE_MS)
    expect(page.locator("#facts")).to_contain_text("Content ID")
    expect(page.locator("#clips button").first).to_contain_text("a red ball")


def test_what_is_drawn_reaches_the_generator(page: Page, server: RunningServer) -> None:
    """A line drawn on the pad, and a camera path typed beside it, stand in the request; nonsense is not sent."""
    page.goto("/studio")
    page.get_by_label("What should it show?").fill("a red ball follows my hand")
    page.get_by_text("Draw how it moves").click()
    pad = page.locator("#guide svg").bounding_box()
    assert pad is not None
    at = [(pad["x"] + pad["width"] * share, pad["y"] + pad["height"] * 0.5) for share in (0.25, 0.5, 0.75)]
    page.mouse.move(*at[0])
    page.mouse.down()
    for place in at[1:]:
        page.mouse.move(*place, steps=4)
    page.mouse.up()
    expect(page.get_by_label("First thing", exact=True)).to_have_value(re.compile(r"^-0\.\d+,\S+ .*0\.\d+,\S+$"))
    camera = page.get_by_label("Camera", exact=True)
    camera.fill("left")
    page.get_by_role("button", name="Make the clip").click()
    assert not camera.evaluate("(field) => field.checkValidity()")
    camera.fill("0,0,1 0,0,1.2")
    page.get_by_role("button", name="Make the clip").click()
    expect(page.locator("#released")).to_be_visible(timeout=PATIENCE_MS)
    (told,) = (json.loads(line) for line in (server.home / "guides").read_text().splitlines())
    (stroke,) = told["strokes"]
    assert (stroke["thing"], len(stroke["points"]) >= 2) == (1, True)
    (first, *_, last) = stroke["points"]
    assert (first[0], last[0]) == (0.0, 1.0)
    assert first[1] == pytest.approx(-0.5, abs=0.06)
    assert last[1] == pytest.approx(0.5, abs=0.06)
    assert [pose["zoom"] for pose in told["camera"]] == [1.0, 1.2]


def test_refusal_is_told_kindly_and_without_the_name(page: Page) -> None:
    """A refused prompt shows why, that nothing was generated, and where the decision stands."""
    page.goto("/studio")
    page.get_by_label("What should it show?").fill("Taylor Swift dancing")
    page.get_by_role("button", name="Make the clip").click()
    refusal = page.locator("#refusal")
    expect(refusal).to_contain_text("This one we can't make", timeout=PATIENCE_MS)
    expect(refusal).to_contain_text("Nothing was generated")
    assert "Swift" not in refusal.inner_text()
    expect(page.get_by_role("button", name="Make the clip")).to_be_enabled()


def test_everything_works_by_keyboard(page: Page, plain_clip: Path) -> None:
    """Tab reaches the file picker first, Enter opens it; the studio is sent from the keyboard."""
    # Subscribed before the page opens: on a busy machine the subscription takes longer than the key press.
    page.on("filechooser", lambda chooser: chooser.set_files(plain_clip))
    page.goto("/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "file"
    page.keyboard.press("Enter")
    expect(page.locator("#answer .answer")).to_be_visible(timeout=PATIENCE_MS)
    page.goto("/studio")
    page.get_by_label("What should it show?").focus()
    page.keyboard.type("Taylor Swift dancing")
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == "go":
            break
    page.keyboard.press("Enter")
    expect(page.locator("#refusal")).to_be_visible(timeout=PATIENCE_MS)


def test_file_names_with_markup_stay_text(page: Page, plain_clip: Path) -> None:
    """A file named like a script tag is shown, not run."""
    page.goto("/")
    page.evaluate(DROP, ["<img src=x onerror=document.title='owned'>.mp4", list(plain_clip.read_bytes())])
    expect(page.locator("#answer .answer")).to_be_visible(timeout=PATIENCE_MS)
    expect(page.locator(".answer-name")).to_contain_text("<img src=x")
    assert page.title() != "owned"


@pytest.mark.parametrize("path", ["/", "/studio", "/audit", "/docs", "/consent", "/review"])
@pytest.mark.parametrize("width", [360, 1280])
def test_pages_fit_and_name_their_controls(page: Page, path: str, width: int) -> None:
    """Nothing runs off a phone, every control has a name, ids are unique, and each page has one first heading."""
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(path)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    unnamed = """[...document.querySelectorAll("input, textarea, select, button, progress")]
      .filter((e) => !e.labels?.length && !e.ariaLabel && !e.getAttribute("aria-labelledby"))
      .filter((e) => !e.textContent.trim())
      .map((e) => e.outerHTML)"""
    assert page.evaluate(unnamed) == []
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map((e) => e.id)")
    assert len(ids) == len(set(ids))
    assert page.locator("h1").count() == 1


def test_page_works_without_script(browser: Browser, server: RunningServer, plain_clip: Path) -> None:
    """With script switched off, the form uploads and the verdict's page refreshes itself until it is there."""
    context = browser.new_context(base_url=server.url, java_script_enabled=False)
    page = context.new_page()
    page.goto("/")
    page.set_input_files("#file", plain_clip)
    page.get_by_role("button", name="Check it").click()
    expect(page.locator(".answer")).to_be_visible(timeout=PATIENCE_MS)
    context.close()
