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

const bytesOf = (base64) => Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
const sha256 = async (...parts) => {
  const joined = new Uint8Array(await new Blob(parts).arrayBuffer());
  return new Uint8Array(await crypto.subtle.digest("SHA-256", joined));
};
const isSame = (one, other) => one.length === other.length && one.every((byte, place) => byte === other[place]);

// RFC 9162, section 2.1.3.2: walks from the entry's hash up to the root.
async function rootFrom(entry, index, size, path) {
  let hash = await sha256(Uint8Array.of(0), entry);
  let [position, last] = [index, size - 1];
  const half = () => { position = Math.floor(position / 2); last = Math.floor(last / 2); };
  for (const sibling of path) {
    if (last === 0) return null;
    if (position % 2 || position === last) {
      hash = await sha256(Uint8Array.of(1), sibling, hash);
      while (position % 2 === 0 && position) half();
    } else {
      hash = await sha256(Uint8Array.of(1), hash, sibling);
    }
    half();
  }
  return last === 0 ? hash : null;
}

// The log's Ed25519 signature under the checkpoint; undefined where this browser knows no Ed25519.
async function isSigned(body, signatures, verifierKey) {
  const [name, , encoded] = verifierKey.trim().split(/\+(.{8})\+/s);
  const line = signatures.find((each) => each.startsWith(`\u2014 ${name} `));
  if (!line) return false;
  try {
    const key = await crypto.subtle.importKey("raw", bytesOf(encoded).slice(1), { name: "Ed25519" }, false, ["verify"]);
    const signature = bytesOf(line.split(" ").at(-1)).slice(4);
    return await crypto.subtle.verify({ name: "Ed25519" }, key, signature, new TextEncoder().encode(body));
  } catch (fault) {
    if (fault.name === "NotSupportedError") return undefined;
    throw fault;
  }
}

function startAudit() {
  const { find, show, call, fact, tellFailure } = tools;
  let next = Number(document.querySelector("#entries tr:last-child a")?.dataset.entry ?? 0);
  let shownIndex = null;
  const wanted = () => new URLSearchParams([...new FormData(find("filter"))].filter(([, value]) => value !== ""));
  const outcomeOf = (entry) => entry.outcome ?? entry.facts?.outcome ?? entry.facts?.verdict ?? "";

  function row({ index, entry }) {
    const link = element("a", { href: `/audit?entry=${index}`, textContent: index });
    link.dataset.entry = index;
    const head = element("th", {}, link);
    head.scope = "row";
    const outcome = element("span", { className: "outcome", textContent: outcomeOf(entry) || "–" });
    outcome.dataset.outcome = outcomeOf(entry);
    const codes = [...(entry.codes ?? []), ...(entry.facts?.codes ?? [])];
    const request = entry.request_id ?? "";
    const cells = [day(entry.time ?? "").replace(" UTC", ""), entry.stage ?? "", outcome, codes.join(", ") || "–",
      element("code", { textContent: request.length > 18 ? `${request.slice(0, 17)}…` : request })];
    return element("tr", {}, head, ...cells.map((cell) => element("td", {}, cell)));
  }

  async function list(isMore) {
    try {
      const query = wanted();
      for (const form of ["csv", "json"]) find(form).href = `/v1/audit/export?format=${form}&${query}`;
      if (isMore) query.set("before", next);
      query.set("limit", 25);
      const page = await fetched(`/v1/audit/find?${query}`);
      const rows = page.data.map(row);
      if (isMore) find("entries").append(...rows); else find("entries").replaceChildren(...rows);
      next = page.next ?? 0;
      show(find("more"), next > 0);
      show(find("none"), !find("entries").children.length && !next);
      show(find("list-failure"), false);
    } catch (fault) {
      tellFailure(find("list-failure"), "The entries can't be shown", fault);
    }
  }

  const check = (isFine, text) => {
    const item = element("li", { textContent: text });
    item.dataset.ok = isFine === undefined ? "unknown" : isFine ? "yes" : "no";
    find("checks").append(item);
  };

  async function prove(shown) {
    find("checks").replaceChildren();
    const key = await (await call("/v1/audit/key")).text();
    const [head, ...rest] = shown.receipt.split("\n\n");
    const lines = head.split("\n");
    const path = lines.slice(2).filter(Boolean).map(bytesOf);
    const body = `${rest[0]}\n`;
    const [, size, root] = body.split("\n");
    const entry = bytesOf(shown.entry_bytes);
    check(JSON.stringify(JSON.parse(new TextDecoder().decode(entry))) === JSON.stringify(shown.entry), "The bytes that are proven are the entry shown above.");
    check(lines[1] === `index ${shown.index}`, `The proof is for place ${shown.index} of ${Number(size).toLocaleString("en")}.`);
    const found = await rootFrom(entry, shown.index, Number(size), path);
    check(found !== null && isSame(found, bytesOf(root)), `Entry and ${path.length} neighbouring hashes give the root of the checkpoint.`);
    const signed = await isSigned(body, rest.slice(1).join("\n\n").split("\n"), key);
    check(signed, signed === undefined ? "This browser can't check Ed25519 signatures: the checkpoint's was not checked." : "The checkpoint carries the signature of this log's key.");
  }

  async function open(index) {
    try {
      const [shown, story] = await Promise.all([fetched(`/v1/audit/entries/${index}`), fetched(`/v1/audit/entries/${index}/story`)]);
      shownIndex = index;
      find("entry-title").textContent = `Entry ${index}`;
      find("entry-facts").replaceChildren();
      const plain = (value) => (typeof value === "object" && value !== null ? JSON.stringify(value) : value);
      for (const [name, value] of Object.entries(shown.entry)) {
        if (Array.isArray(value) ? value.length : value !== null) fact(find("entry-facts"), name.replaceAll("_", " "), Array.isArray(value) ? value.map(plain).join(", ") : plain(value));
      }
      find("story").replaceChildren(...story.data.map(({ index: place, entry }) => {
        const link = element("a", { href: `/audit?entry=${place}`, textContent: `${entry.stage} ${outcomeOf(entry)}`.trim() });
        link.dataset.entry = place;
        if (place === index) link.setAttribute("aria-current", "true");
        return element("li", {}, link, ` ${day(entry.time ?? "")}`);
      }));
      find("receipt").textContent = shown.receipt;
      show(find("entry-text"), false);
      show(find("read-text"), "commitments" in shown.entry);
      show(find("entry-panel"));
      history.replaceState(null, "", `/audit?entry=${index}`);
      find("entry-panel").focus();
      find("entry-panel").scrollIntoView({ block: "start" });
      await prove(shown);
    } catch (fault) {
      tellFailure(find("list-failure"), "The entry can't be shown", fault);
    }
  }

  find("read-text").onclick = async () => {
    try {
      const { texts } = await fetched(`/v1/audit/entries/${shownIndex}/text`);
      find("entry-text").replaceChildren();
      for (const [field, text] of Object.entries(texts ?? { text: "erased" })) fact(find("entry-text"), field.replaceAll("_", " "), text);
      show(find("entry-text"));
    } catch (fault) {
      tellFailure(find("list-failure"), "It can't be read", fault);
    }
  };
  find("filter").addEventListener("submit", (event) => { event.preventDefault(); list(false); });
  find("more").onclick = () => list(true);
  document.addEventListener("click", (event) => {
    const link = event.target.closest("[data-entry]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    open(Number(link.dataset.entry));
  });
  const asked = new URLSearchParams(location.search).get("entry");
  if (/^\d+$/.test(asked ?? "")) open(Number(asked));
}

export function start(given) {
  tools = given;
  const pages = { consent: startConsents, review: startReviews, audit: startAudit };
  pages[document.querySelector("[data-desk]").dataset.desk]();
}
