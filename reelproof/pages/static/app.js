// The pages' one script. Everything it shows as text goes in as text; the only HTML it inserts is the
// verdict card that this server rendered.

const find = (id) => document.getElementById(id);
const show = (element, visible = true) => { element.hidden = !visible; };
const KEY = "reelproof-api-key";
const capitalised = (text) => text.charAt(0).toUpperCase() + text.slice(1);
const rounded = (value) => (typeof value === "number" ? Number(value.toPrecision(4)) : value);
// A p-value too small for a double arrives as 0: it is not nought, only below what can be written.
const chance = (p) => (p > 0 ? `p = ${Number(p).toExponential(1)}` : "p < 1e-300");
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

class Failure extends Error {
  constructor(message, hint = "", code = "", logIndex = null) {
    super(message);
    Object.assign(this, { hint, code, logIndex });
  }
}

const keyHeaders = () => {
  const key = sessionStorage.getItem(KEY);
  return key ? { Authorization: `Bearer ${key}` } : {};
};

async function askForKey() {
  const dialog = find("ask-key");
  dialog.showModal();
  find("api-key").focus();
  await new Promise((resolve) => dialog.addEventListener("close", resolve, { once: true }));
  const key = find("api-key").value.trim();
  if (dialog.returnValue !== "ok" || !key) return false;
  sessionStorage.setItem(KEY, key);
  return true;
}

function failureOf(status, body) {
  const error = body?.error ?? body ?? {};
  const message = error.message ?? error.detail ?? `The server answered ${status}.`;
  return new Failure(message, error.hint ?? "", error.code ?? String(status), error.log_index ?? null);
}

async function call(address, options = {}) {
  const headers = { ...options.headers, ...keyHeaders() };
  let answer;
  try {
    answer = await fetch(address, { ...options, headers });
  } catch (fault) {
    if (fault.name === "AbortError") throw fault;
    throw new Failure("The server can't be reached.", "Check that it runs, then try again.");
  }
  if (answer.status === 401 && await askForKey()) return call(address, options);
  if (!answer.ok) throw failureOf(answer.status, await answer.json().catch(() => null));
  return answer;
}

// Sending with XMLHttpRequest, because fetch doesn't tell how far an upload is.
function send(file, address, onProgress, signal) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", address);
    for (const [name, value] of Object.entries(keyHeaders())) request.setRequestHeader(name, value);
    request.setRequestHeader("Content-Type", file.type || "application/octet-stream");
    request.setRequestHeader("X-File-Name", encodeURIComponent(file.name || "clip"));
    request.responseType = "json";
    request.upload.onprogress = (event) => onProgress(event.total ? event.loaded / event.total : 0);
    request.onload = () => (request.status < 300 ? resolve(request.response) : reject(failureOf(request.status, request.response)));
    request.onerror = () => reject(new Failure("The upload broke off.", "Check the connection, then try again."));
    request.onabort = () => reject(new DOMException("stopped", "AbortError"));
    signal.addEventListener("abort", () => request.abort());
    request.send(file);
  });
}

function tellFailure(box, title, fault) {
  box.replaceChildren();
  const heading = document.createElement("h2");
  heading.textContent = title;
  box.append(heading);
  for (const line of [fault.message, fault.hint].filter(Boolean)) {
    const paragraph = document.createElement("p");
    paragraph.textContent = capitalised(/[.!?…]$/.test(line) ? line : `${line}.`);
    box.append(paragraph);
  }
  show(box);
}

async function followVerdict(id, signal) {
  for (let wait = 150; ; wait = Math.min(wait * 1.25, 1000)) {
    const job = await (await call(`/v1/verify/${id}`, { signal })).json();
    if (job.status === "completed") return job;
    if (job.error) throw new Failure(job.error.message, job.error.hint, job.error.code);
    const isWaiting = job.status === "queued";
    find("working-say").textContent = isWaiting ? "Waiting for its turn" : `Looking at it · ${job.progress} %`;
    find("working-progress").value = 30 + 0.7 * job.progress;
    await pause(wait);
  }
}

// The library for it is large: it is fetched only once a verdict is there, and never again.
async function startOwnCheck(file) {
  const section = document.querySelector(".own-check");
  if (!section) return;
  const picker = section.querySelector("input");
  const run = async (chosen) => (await import(`/static/owncheck.js${new URL(import.meta.url).search}`)).checkHere(section, chosen);
  picker.addEventListener("change", () => { if (picker.files.length) run(picker.files[0]); });
  if (file) await run(file);
}

async function showAnswer(id, file = null) {
  const card = await (await call(`/verdicts/${id}/card`)).text();
  const answer = find("answer");
  answer.innerHTML = card;
  for (const hiding of ["working", "drop", "intro", "notes"]) if (find(hiding)) show(find(hiding), false);
  show(answer);
  history.replaceState(null, "", `/verdicts/${id}`);
  const heading = answer.querySelector("h1, h2");
  document.title = `${heading?.textContent.trim() ?? "Verdict"} · Reelproof`;
  answer.focus();
  scrollTo({ top: 0 });
  startOwnCheck(file);
}

async function check(file) {
  const stopper = new AbortController();
  show(find("failure"), false);
  show(find("drop"), false);
  show(find("working"));
  find("working-name").textContent = file.name || "Your clip";
  find("working-say").textContent = "Sending";
  find("working-progress").value = 0;
  find("working-name").focus();
  find("working-stop").onclick = () => stopper.abort();
  const sending = () => send(file, "/v1/verify?wait=false", (share) => { find("working-progress").value = 30 * share; }, stopper.signal);
  try {
    const job = await sending().catch(async (fault) => {
      if (fault.code === "unauthorised" && await askForKey()) return sending();
      throw fault;
    });
    await followVerdict(job.id, stopper.signal);
    await showAnswer(job.id, file);
  } catch (fault) {
    show(find("working"), false);
    show(find("drop"));
    if (fault.name !== "AbortError") tellFailure(find("failure"), "That didn't work", fault);
  }
}

function startCheckPage() {
  const drop = find("drop");
  const picker = find("file");
  let depth = 0;
  picker.addEventListener("change", () => {
    if (picker.files.length) check(picker.files[0]);
    picker.value = "";
  });
  drop.addEventListener("submit", (event) => event.preventDefault());
  // The whole window takes the drop: missing the box must not open the clip in the tab.
  addEventListener("dragenter", (event) => { event.preventDefault(); depth += 1; drop.classList.add("over"); });
  addEventListener("dragleave", () => { depth -= 1; if (depth <= 0) drop.classList.remove("over"); });
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("drop", (event) => {
    event.preventDefault();
    depth = 0;
    drop.classList.remove("over");
    if (event.dataTransfer.files.length && !drop.hidden) check(event.dataTransfer.files[0]);
  });
  addEventListener("paste", (event) => {
    if (event.clipboardData?.files.length && !drop.hidden) check(event.clipboardData.files[0]);
  });
}

async function followPage(id) {
  try {
    await followVerdict(id, new AbortController().signal);
    await showAnswer(id);
  } catch (fault) {
    show(find("working"), false);
    tellFailure(find("failure"), "No verdict", fault);
  }
}

// Server-sent events over fetch, so that an API key can go along.
async function* events(address, signal) {
  const answer = await call(address, { signal, headers: { Accept: "text/event-stream" } });
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    rest += value;
    for (let end = rest.indexOf("\n\n"); end >= 0; end = rest.indexOf("\n\n")) {
      const lines = rest.slice(0, end).split("\n");
      rest = rest.slice(end + 2);
      const name = lines.find((line) => line.startsWith("event: "))?.slice(7);
      const content = lines.find((line) => line.startsWith("data: "))?.slice(6);
      if (name && content) yield [name, JSON.parse(content)];
    }
  }
}

const contentUrl = async (id, variant = "video") => {
  const address = `/v1/videos/${id}/content?variant=${variant}`;
  if (!sessionStorage.getItem(KEY)) return address;
  return URL.createObjectURL(await (await call(address)).blob());
};

function fact(list, name, value, isCode = false) {
  if (value === null || value === undefined || value === "") return;
  const term = document.createElement("dt");
  term.textContent = name;
  const shown = document.createElement("dd");
  const inside = isCode ? shown.appendChild(document.createElement("code")) : shown;
  inside.textContent = value;
  list.append(term, shown);
}

function showPhase(video) {
  find("make-progress").value = video.progress;
  const items = [...find("phases").children];
  const at = items.findIndex((item) => item.dataset.phase === video.reelproof.phase);
  items.forEach((item, place) => {
    item.classList.toggle("done", place < at);
    item.classList.toggle("now", place === at);
  });
}

function showRefusal(fault) {
  const refused = fault.code === "moderation_blocked";
  const held = fault.code === "held_for_review";
  fault.message = capitalised(fault.message.replace(/^(refused by policy|held for a person's review): /, ""));
  tellFailure(find("refusal"), held ? "A person has to look at this first" : refused ? "This one we can't make" : "That didn't work", fault);
  if (refused && fault.logIndex !== null) {
    const line = document.createElement("p");
    const link = Object.assign(document.createElement("a"), { href: `/v1/audit/entries/${fault.logIndex}`, textContent: `entry ${fault.logIndex}` });
    line.append("Nothing was generated. The decision, without your words, is ", link, " of the log.");
    find("refusal").append(line);
  }
  find("refusal").focus();
}

async function showReleased(video) {
  const player = find("player");
  player.onloadedmetadata = () => { find("screen").style.aspectRatio = `${player.videoWidth} / ${player.videoHeight}`; };
  player.src = await contentUrl(video.id);
  show(find("screen-empty"), false);
  show(player);
  player.play().catch(() => { /* A browser may refuse to start by itself; the controls are there. */ });
  const { release, settings, note } = video.reelproof;
  const pixel = release.watermark.pixel;
  const facts = find("facts");
  facts.replaceChildren();
  fact(facts, "Prompt", video.prompt);
  fact(facts, "Settings", Object.entries(settings).filter(([, value]) => value !== null && value !== "").map(([name, value]) => `${name.replaceAll("_", " ")} ${name === "seed" ? value : rounded(value)}`).join(" · "));
  fact(facts, "Content ID", release.content_id, true);
  fact(facts, "Credential", release.manifest_id, true);
  fact(facts, "Watermark", pixel && `${pixel.psnr_db} dB PSNR, SSIM ${pixel.ssim}, read back with ${chance(pixel.self_check_p_value)}`);
  fact(facts, "Decision", `log entry ${release.log.index}`);
  fact(facts, "SHA-256", release.sha256, true);
  for (const warning of release.coverage?.warnings ?? []) fact(facts, "Note", warning);
  fact(facts, "Remix", note);
  find("save").href = player.src;
  find("save").download = `${video.id}.mp4`;
  show(find("released"));
}

function startStudio() {
  const form = find("make");
  let current = null;
  const busy = (on) => { find("go").disabled = on; show(find("progress-box"), on); };

  async function follow(video) {
    const stopper = new AbortController();
    find("stop").onclick = async () => {
      stopper.abort();
      await call(`/v1/videos/${video.id}`, { method: "DELETE" });
    };
    for await (const [name, shown] of events(`/v1/videos/${video.id}/events`, stopper.signal)) {
      if (name === "progress") showPhase(shown);
      if (name === "failed") throw new Failure(shown.error.message, "", shown.error.code);
      if (name === "completed") return shown;
    }
    throw new Failure("The connection ended before the clip was finished.", "Reload the page: the clip goes on being made.");
  }

  async function make(address, request) {
    busy(true);
    for (const hiding of ["refusal", "released"]) show(find(hiding), false);
    find("make-progress").value = 0;
    if (find("stage").getBoundingClientRect().top > innerHeight * 0.7) find("stage").scrollIntoView();
    for (const item of find("phases").children) item.className = "";
    try {
      const isForm = request instanceof FormData;
      const headers = isForm ? {} : { "Content-Type": "application/json" };
      const options = { method: "POST", headers, body: isForm ? request : JSON.stringify(request) };
      current = await follow(await (await call(address, options)).json());
      await showReleased(current);
      find("released").focus({ preventScroll: true });
      await fillShelf();
    } catch (fault) {
      if (fault.name !== "AbortError") showRefusal(fault);
    } finally {
      busy(false);
    }
  }

  async function fillShelf() {
    const page = await (await call("/v1/videos?limit=12")).json();
    const finished = page.data.filter((video) => video.status === "completed");
    find("clips").replaceChildren(...await Promise.all(finished.map(async (video) => {
      const item = document.createElement("li");
      const button = Object.assign(document.createElement("button"), { type: "button" });
      const picture = Object.assign(document.createElement("img"), { src: await contentUrl(video.id, "thumbnail"), alt: "", loading: "lazy" });
      const prompt = Object.assign(document.createElement("span"), { textContent: video.prompt });
      button.append(picture, prompt);
      button.onclick = async () => { current = video; await showReleased(video); find("stage").scrollIntoView({ block: "nearest" }); };
      item.append(button);
      return item;
    })));
    show(find("shelf"), finished.length > 0);
  }

  let drawn = () => null;
  if (find("guide")) {
    import(`/static/guide.js${new URL(import.meta.url).search}`).then((guide) => { drawn = guide.start(find("guide")); });
  }

  // Pictures go as a form, everything else as JSON.
  function asked() {
    const entries = [...new FormData(form)].filter(([, value]) => (value instanceof File ? value.size > 0 : value !== ""));
    const shots = [...document.querySelectorAll(".shot")].map((row) => {
      const [prompt, seconds] = ["prompt", "seconds"].map((name) => row.querySelector(`[data-shot=${name}]`).value.trim());
      return { prompt, ...(seconds && { seconds: Number(seconds) }) };
    }).filter((shot) => shot.prompt);
    const guide = drawn();
    if (!entries.some(([, value]) => value instanceof File)) return { ...Object.fromEntries(entries), ...(shots.length && { shots }), ...(guide && { guide }) };
    const parts = new FormData();
    for (const [name, value] of entries) parts.append(name, value);
    if (shots.length) parts.append("shots", JSON.stringify(shots));
    if (guide) parts.append("guide", JSON.stringify(guide));
    return parts;
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    make("/v1/videos", asked());
  });
  function addShot(prompt = "") {
    const row = find("shot").content.firstElementChild.cloneNode(true);
    row.querySelector("[data-shot=remove]").onclick = () => { row.remove(); find("add-shot").focus(); };
    row.querySelector("textarea").value = prompt;
    find("shots").append(row);
    return row;
  }
  find("add-shot")?.addEventListener("click", () => addShot().querySelector("textarea").focus());
  for (const chip of document.querySelectorAll("[data-example]")) {
    chip.onclick = () => {
      find("prompt").value = chip.dataset.example;
      find("shots")?.replaceChildren();
      for (const prompt of JSON.parse(chip.dataset.later ?? "[]")) addShot(prompt);
      find("prompt").focus();
      find("make").scrollIntoView({ block: "nearest" });
    };
  }
  const again = (button, address, more) => find(button)?.addEventListener("click", () => {
    const prompt = find("prompt").value.trim();
    if (current && prompt) make(address(current.id), { prompt, ...more(current.id) });
    else find("prompt").focus();
  });
  again("remix", (id) => `/v1/videos/${id}/remix`, () => ({}));
  again("go-on", () => "/v1/videos/extensions", (id) => ({ video: { id } }));
  again("change", () => "/v1/videos/edits", (id) => ({ video: { id } }));
  find("check-it").onclick = async () => {
    const clip = await (await call(`/v1/videos/${current.id}/content`)).blob();
    const file = new File([clip], `${current.id}.mp4`, { type: "video/mp4" });
    const job = await send(file, "/v1/verify?wait=false", () => {}, new AbortController().signal);
    location.assign(`/verdicts/${job.id}`);
  };
  fillShelf().catch((fault) => showRefusal(fault));
}

document.addEventListener("submit", async (event) => {
  const form = event.target.closest("[data-feedback]");
  if (!form) return;
  event.preventDefault();
  const told = form.querySelector("[role=status]");
  const comment = form.querySelector("textarea").value.trim();
  const body = JSON.stringify({ id: form.dataset.feedback, right: event.submitter?.value === "yes", ...(comment && { comment }) });
  try {
    await call("/v1/feedback", { method: "POST", headers: { "Content-Type": "application/json" }, body });
    for (const field of form.querySelectorAll("button, textarea")) field.disabled = true;
    told.textContent = "Thank you. It is noted.";
  } catch (fault) {
    told.textContent = fault.message;
  }
});

document.addEventListener("click", async (event) => {
  const copying = event.target.closest("[data-copy]");
  if (!copying) return;
  await navigator.clipboard.writeText(new URL(copying.dataset.copy, location.href).href);
  copying.textContent = "Copied";
});

// The pages of the desk and of the log have a script of their own, of the same version as this one.
if (document.querySelector("[data-desk]")) {
  const desk = await import(`/static/desk.js${new URL(import.meta.url).search}`);
  desk.start({ find, show, call, fact, tellFailure, capitalised });
}
if (find("drop")) startCheckPage();
if (document.body.dataset.page === "studio") startStudio();
startOwnCheck();
const following = find("working")?.dataset.follow;
if (following) followPage(following);
