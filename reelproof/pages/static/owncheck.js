// The credential checked once more, here in the visitor's browser, by the C2PA project's own library: what this
// server says need not be believed. Nothing of the file leaves the browser.

const FORMATS = { mp4: "video/mp4", m4v: "video/mp4", mov: "video/quicktime", avi: "video/x-msvideo" };
const LARGEST_BYTES = 1 << 30;
let library = null;

// The library takes only an address that says https; on http://localhost, which browsers trust as well, it has to
// be told so.
const worker = (path) => ({ protocol: "https:", toString: () => path });

async function opened() {
  const { c: createC2pa } = await import("./c2pa/c2pa-web.js");
  const anchors = await (await fetch("/v1/trust/anchors")).text();
  return createC2pa({
    wasmSrc: "/static/c2pa/c2pa_bg.wasm",
    workerSrc: worker("/static/c2pa/c2pa_worker.js"),
    settings: { trust: { trustAnchors: anchors }, verify: { verifyTrust: true } },
  });
}

const formatOf = (file) => FORMATS[file.name?.split(".").pop()?.toLowerCase()] ?? (file.type || "video/mp4");

// What the browser finds: {state: "absent" | "broken" | "invalid" | "valid" | "trusted", id, issuer, codes}.
export async function ownReading(file) {
  library ??= opened();
  const c2pa = await library;
  let reader = null;
  try {
    reader = await c2pa.reader.fromBlob(formatOf(file), file);
  } catch (fault) {
    return { state: "broken", id: null, issuer: null, codes: [String(fault?.message ?? fault).slice(0, 200)] };
  }
  if (reader === null) return { state: "absent", id: null, issuer: null, codes: [] };
  try {
    const store = await reader.manifestStore();
    const active = store.manifests?.[store.active_manifest];
    const failures = store.validation_results?.activeManifest?.failure ?? store.validation_status ?? [];
    const codes = [...new Set(failures.map((one) => one.code))];
    return {
      state: (store.validation_state ?? "Invalid").toLowerCase(),
      id: store.active_manifest ?? null,
      issuer: active?.signature_info?.issuer ?? active?.signature_info?.common_name ?? null,
      codes,
    };
  } finally {
    await reader.free();
  }
}

const TRUST_ONLY = (code) => code.startsWith("signingCredential.") || code.startsWith("timeStamp.");

// Whether signature, statements and bytes hold, whoever signed: the library calls a stranger's signature invalid too.
const holds = (found) => ["valid", "trusted"].includes(found.state) || (found.state === "invalid" && found.codes.length > 0 && found.codes.every(TRUST_ONLY));

export function compared(found, server) {
  const says = { absent: "no credential in this file", broken: "a credential that it can't read" }[found.state]
    ?? (holds(found) ? `a credential of ${found.issuer ?? "an unnamed signer"} that holds` : "a credential that does not hold");
  const trust = found.state === "trusted" ? ", its signer on this server's lists" : "";
  const same = server.id === (found.id ?? "") && server.holds === String(holds(found));
  return { same, text: `Your browser finds ${says}${trust}.`, codes: found.codes };
}

// Reads the file and writes the outcome into the section, beside what the server says.
export async function checkHere(section, file) {
  const told = section.querySelector("[role=status]");
  if (file.size > LARGEST_BYTES) {
    told.textContent = "This file is too large to be read in the browser.";
    return;
  }
  told.textContent = "Reading it here …";
  try {
    const found = await ownReading(file);
    const { same, text, codes } = compared(found, { id: section.dataset.manifest, holds: section.dataset.holds });
    section.dataset.outcome = same ? "same" : "differs";
    const outcome = same ? "That is what the server says as well." : "The server says something else: don't rely on its verdict before you know why.";
    told.textContent = `${text} ${outcome}${!same && codes.length ? ` (${codes.join(", ")})` : ""}`;
  } catch (fault) {
    told.textContent = `Your browser could not check it: ${fault?.message ?? fault}.`;
  }
}
