"""The desk's and the log's pages, in a real browser: grant, review, follow an entry and check its proof."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.service.running import RunningServer

pytestmark = pytest.mark.browser
PATIENCE_MS = 60_000
NAME = "Marlene Oberhauser"


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    running = RunningServer(tmp_path_factory.mktemp("pages") / "home")
    running.start()
    yield running
    running.end()


@pytest.fixture
def page(browser: Browser, desk: RunningServer) -> Iterator[Page]:
    """A fresh page; what its console complains of, and any request to elsewhere, fails the test."""
    context = browser.new_context(base_url=desk.url)
    opened = context.new_page()
    opened.set_default_timeout(PATIENCE_MS)
    expect.set_options(timeout=PATIENCE_MS)
    complaints: list[str] = []
    opened.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
    opened.on("pageerror", lambda fault: complaints.append(str(fault)))
    opened.on(
        "request", lambda asked: None if asked.url.startswith((desk.url, "blob:")) else complaints.append(asked.url)
    )
    yield opened
    context.close()
    assert [line for line in complaints if "status of 400" not in line] == []


def test_consent_is_granted_and_taken_back_on_the_page(page: Page, desk: RunningServer) -> None:
    """The token is shown once, the card says valid, and two clicks take it back."""
    page.goto("/consent")
    page.get_by_label("Full name, as prompts will spell it").fill(NAME)
    page.get_by_label("Your own note").fill("spring")
    page.get_by_role("button", name="Grant it").click()
    expect(page.locator("#granted")).to_be_visible()
    token = page.locator("#token").inner_text()
    assert token.count(".") == 2
    assert NAME not in page.content()
    allowed = desk.client.post("/v1/policy/check", json={"prompt": f"{NAME} waves", "consent_token": token}).json()
    assert allowed["outcome"] == "allow"
    card = page.locator(".card", has_text="spring")
    expect(card.locator(".state")).to_have_text("valid")
    card.get_by_role("button").click()
    card.get_by_role("button", name="Really take it back?").click()
    expect(page.locator(".card", has_text="spring").locator(".state")).to_have_text("revoked")


def test_wrong_grant_is_told_on_the_page(page: Page) -> None:
    """Too many words for a name: nothing granted, and why."""
    page.goto("/consent")
    page.get_by_label("Full name, as prompts will spell it").fill("one two three four five six seven")
    page.get_by_role("button", name="Grant it").click()
    expect(page.locator("#grant-failure")).to_contain_text("Not granted")


def test_held_request_is_read_and_allowed_on_the_page(page: Page, desk: RunningServer) -> None:
    """The card shows no words until they are asked for; allowed, the clip is made."""
    body = {"prompt": f"{NAME} waters the plants", "size": "256x256", "seed": 4}
    video = desk.client.post("/v1/videos", json=body).json()
    page.goto("/review")
    card = page.locator(".card").first
    expect(card.locator(".state")).to_have_text("waiting")
    assert NAME not in page.content()
    card.get_by_role("button", name="Read it").click()
    expect(card).to_contain_text(f"{NAME} waters the plants")
    card.get_by_role("button", name="Let it go on").click()
    card.get_by_role("button", name="Really let it go on?").click()
    expect(page.locator("#none")).to_be_visible()
    desk.wait_until(lambda: desk.client.get(f"/v1/videos/{video['id']}").json()["status"] == "completed")


def test_entry_is_followed_and_its_proof_checked_in_the_page(page: Page, desk: RunningServer) -> None:
    """Filter, open an entry, see its story; entry, place, root and signature are checked by the browser itself."""
    for number in range(12):
        desk.client.post("/v1/policy/check", json={"prompt": f"a red cube, take {number}"})
    page.goto("/audit")
    page.get_by_label("Outcome").select_option("allow")
    page.get_by_role("button", name="Find").click()
    expect(page.locator("#entries tr")).not_to_have_count(0)
    page.locator("#entries a").nth(3).click()
    checks = page.locator("#checks li")
    expect(checks).to_have_count(4)
    for place in range(4):
        expect(checks.nth(place)).to_have_attribute("data-ok", "yes")
    expect(page.locator("#story li").first).to_be_visible()
    page.get_by_role("button", name="Read what was asked").click()
    expect(page.locator("#entry-text")).to_contain_text("a red cube")
    assert "entry=" in page.url


def test_changed_entry_fails_its_proof_in_the_page(page: Page) -> None:
    """If a server showed other bytes than those that were logged, the page says that the root does not follow."""
    import base64
    import json

    def changed(route: object) -> None:
        answer = route.fetch()  # type: ignore[attr-defined]
        shown = answer.json()
        shown["entry"]["outcome"] = "refuse"
        shown["entry_bytes"] = base64.b64encode(json.dumps(shown["entry"]).encode()).decode()
        route.fulfill(response=answer, json=shown)  # type: ignore[attr-defined]

    page.route("**/v1/audit/entries/0", changed)
    page.goto("/audit?entry=0")
    expect(page.locator("#checks li")).to_have_count(4)
    expect(page.locator("#checks li").nth(2)).to_have_attribute("data-ok", "no")


@pytest.mark.parametrize("path", ["/consent", "/review", "/audit"])
def test_pages_fit_a_phone(browser: Browser, desk: RunningServer, path: str) -> None:
    """Nothing is wider than a small screen."""
    context = browser.new_context(base_url=desk.url, viewport={"width": 360, "height": 740})
    opened = context.new_page()
    opened.goto(path)
    opened.wait_for_timeout(500)
    assert opened.evaluate("document.documentElement.scrollWidth") <= 360
    context.close()
