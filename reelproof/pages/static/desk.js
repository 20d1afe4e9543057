// The pages of the review desk and of the log: consents, reviews, entries and their proofs. Everything they show goes
// in as text.

let tools = {};

const element = (name, properties = {}, ...children) => {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
};
const lines = (text) => text.split("\n").map((line) => line.trim()).filter(Boolean);
const day = (instant) => instant.replace("T", " ").replace("Z", " UTC");
const asJson = (body, method = "POST") => ({
  method,
  headers: { "Content-Type": "application/json" },
  body: JSON.stringify(body),
});

async function fetched(address, options) {
  return (await tools.call(address, options)).json();
}

// A button that asks once more before it does what can't be undone.
function earnest(name, question, act) {
  const button = element("button", { type: "button", className: "button quiet", textContent: name });
  button.onclick = async () => {
    if (button.dataset.sure !== "yes") {
      button.dataset.sure = "yes";
      button.textContent = question;
      setTimeout(() => { button.dataset.sure = ""; button.textContent = name; }, 4000);
      return;
    }
    button.disabled = true;
    await act();
  };
  return button;
}

function startConsents() {
  const { find, show, tellFailure } = tools;
  const form = find("grant");

  function card(consent) {
    const facts = element("dl", { className: "fact-list" });
    tools.fact(facts, "For", consent.purposes.join(", "));
    tools.fact(facts, "By", { self: "the granter alone", anyone: "whoever holds the token" }[consent.scope] ?? consent.callers.join(", "));
    tools.fact(facts, "Used", `${consent.uses} of ${consent.max_uses} times`);
    tools.fact(facts, consent.revoked_at ? "Taken back" : "Until", day(consent.revoked_at ?? consent.expires));
    const head = element("p", { className: "card-head" },
      element("span", { className: "state", textContent: consent.state }),
      element("strong", { textContent: consent.label || "Consent" }),
      element("code", { textContent: consent.id }));
    const item = element("li", { className: "card" }, head, facts);
    item.dataset.state = consent.state;
    if (["valid", "not yet valid"].includes(consent.state)) {
      item.append(element("p", { className: "row" }, earnest("Take it back", "Really take it back?", async () => {
        await fetched(`/v1/consents/${consent.id}`, { method: "DELETE" });
        await fill();
      })));
    }
    return item;
  }

  async function fill() {
    try {
      const { data } = await fetched("/v1/consents");
      find("consents").replaceChildren(...data.map(card));
      show(find("none"), data.length === 0);
      show(find("list-failure"), false);
    } catch (fault) {
      tellFailure(find("list-failure"), "The consents can't be shown", fault);
    }
  }

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    show(find("grant-failure"), false);
    const given = new FormData(form);
    const body = {
      name: given.get("name"),
      aliases: lines(given.get("aliases")),
      callers: lines(given.get("callers")),
      purposes: given.getAll("purposes"),
      scope: given.get("scope"),
      days: Number(given.get("days")),
      max_uses: Number(given.get("max_uses")),
      label: given.get("label"),
    };
    try {
      const granted = await fetched("/v1/consents", asJson(body));
      find("token").textContent = granted.token;
      show(find("granted"));
      find("granted").focus();
      form.reset();
      await fill();
    } catch (fault) {
      tellFailure(find("grant-failure"), "Not granted", fault);
      find("grant-failure").focus();
    }
  });
  find("copy-token").onclick = async () => {
    await navigator.clipboard.writeText(find("token").textContent);
    find("copy-token").textContent = "Copied";
  };
  fill();
}

function startReviews() {
  const { find, show, call, tellFailure, fact } = tools;

  async function open(review, box) {
    const shown = await fetched(`/v1/reviews/${review.id}`);
    const texts = element("dl", { className: "fact-list asked" });
    for (const [field, text] of Object.entries(shown.texts ?? {})) fact(texts, field.replaceAll("_", " "), text);
    if (shown.texts === null) fact(texts, "Asked", "erased");
    fact(texts, "Appeal", shown.statement);
    box.replaceChildren(texts);
    if (shown.has_clip) {
      const picture = await (await call(`/v1/reviews/${review.id}/sheet`)).blob();
      box.append(element("img", { className: "sheet", src: URL.createObjectURL(picture), alt: "Eight frames of the held clip" }));
    }
    if (shown.state !== "waiting") return;
    const decide = (verdict) => async () => {
      try {
        await fetched(`/v1/reviews/${review.id}/${verdict}`, { method: "POST" });
        await fill();
      } catch (fault) {
        tellFailure(find("list-failure"), "Not decided", fault);
      }
    };
    const row = element("p", { className: "row" }, earnest("Turn it down", "Really turn it down?", decide("reject")));
    if (shown.may_be_approved) row.prepend(earnest("Let it go on", "Really let it go on?", decide("approve")));
    box.append(row);
  }

  function card(review) {
    const facts = element("dl", { className: "fact-list" });
    fact(facts, "Why", review.reasons.join(" "));
    fact(facts, "Reasons", review.codes.join(", "));
    fact(facts, "Held", day(review.created_at));
    fact(facts, "Decided", review.decided_at && `${day(review.decided_at)} by ${review.decided_by}`);
    const head = element("p", { className: "card-head" },
      element("span", { className: "state", textContent: review.state }),
      element("strong", { textContent: review.kind === "output" ? "Finished frames" : "Request" }),
      element("a", { href: `/audit?entry=${review.log_index}`, textContent: `log entry ${review.log_index}` }));
    const box = element("div");
    const button = element("button", { type: "button", className: "button quiet", textContent: "Read it" });
    button.onclick = async () => {
      button.disabled = true;
      try {
        await open(review, box);
      } catch (fault) {
        button.disabled = false;
        tellFailure(find("list-failure"), "It can't be shown", fault);
      }
    };
    box.append(element("p", { className: "row" }, button));
    const item = element("li", { className: "card" }, head, facts, box);
    item.dataset.state = review.state;
    return item;
  }

  async function fill() {
    try {
      const { data } = await fetched(`/v1/reviews?state=${find("state").value}`);
      find("reviews").replaceChildren(...data.map(card));
      show(find("none"), data.length === 0);
      show(find("list-failure"), false);
    } catch (fault) {
      tellFailure(find("list-failure"), "The reviews can't be shown", fault);
    }
  }

  find("state").onchange = fill;
  find("again").onclick = fill;
  fill();
}

export function start(given) {
  tools = given;
  const pages = { consent: startConsents, review: startReviews };
  pages[document.querySelector("[data-desk]").dataset.desk]();
}
