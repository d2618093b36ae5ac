// Progressive enhancement only: every action also works as a link or a form without this file.
const typing = (event) => event.target.closest?.("input, textarea, select, [contenteditable]") || document.querySelector("dialog[open]");
const rows = () => [...document.querySelectorAll("table[data-rows] tbody tr")];

function select(index) {
  const all = rows();
  all.forEach((row, n) => (n === index ? row.setAttribute("aria-selected", "true") : row.removeAttribute("aria-selected")));
  all[index]?.querySelector("a")?.focus();
}

document.addEventListener("keydown", (event) => {
  if (event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return; // never fight the IME
  const box = document.querySelector("#q");
  if (event.key === "/" && !typing(event) && box) { event.preventDefault(); box.focus(); box.select(); }
  if ((event.key === "ArrowDown" || event.key === "ArrowUp") && (!typing(event) || event.target === box) && rows().length) {
    event.preventDefault();
    const at = rows().findIndex((row) => row.getAttribute("aria-selected"));
    select(Math.max(0, Math.min(rows().length - 1, at + (event.key === "ArrowDown" ? 1 : -1))));
  }
  if (/^[1-9]$/.test(event.key) && document.querySelector("form[data-digits]") && event.target.type !== "text") {
    const choice = document.querySelectorAll("form[data-digits] input[type=radio]")[Number(event.key) - 1];
    if (choice) { choice.checked = true; choice.focus(); }
  }
});

// A card reader types the number and ends it with Enter: go on to the PIN instead of sending.
document.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.target.id !== "card" || !event.target.closest("[data-wedge]")) return;
  event.preventDefault();
  document.querySelector("#pin").focus();
});

// A click chooses a row and shows the panel beside the list; Enter, or a modifier key, follows the link.
document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a[data-panel]");
  if (!link || event.detail === 0 || event.ctrlKey || event.metaKey || event.shiftKey || !window.matchMedia("(min-width: 76rem)").matches) return;
  event.preventDefault();
  window.htmx.ajax("GET", link.dataset.panel, { target: "#lookup", select: "#lookup", swap: "outerHTML show:none" });
});

// Copy buttons appear only where the clipboard works.
function offerCopy() {
  if (!navigator.clipboard) return;
  for (const button of document.querySelectorAll("[data-copy]")) button.hidden = false;
}
document.addEventListener("click", async (event) => {
  const button = event.target.closest?.("[data-copy]");
  if (button) await navigator.clipboard.writeText(button.dataset.copy);
});

// The countdown only announces; the server ends the session by itself, and never later than this page.
let deadline;
function countAfresh() {
  const clock = document.querySelector("[data-countdown]");
  deadline = clock && Date.now() + Number(clock.dataset.countdown) * 1000;
}
function tick() {
  const clock = document.querySelector("[data-countdown]");
  if (!clock) return;
  const left = Math.max(0, Math.ceil((deadline - Date.now()) / 1000));
  clock.textContent = `${String(Math.floor(left / 60)).padStart(2, "0")}:${String(left % 60).padStart(2, "0")}`;
  const dialog = document.querySelector("#idle");
  if (left <= Number(clock.dataset.warning) && left > 0 && !dialog.open) dialog.showModal();
  if (left === 0) { document.body.classList.add("blank"); location.replace(`/start/?idle=1&next=${encodeURIComponent(location.pathname + location.search)}`); }
}
countAfresh();
setInterval(tick, 1000);
// What a page asks by itself (progress) is no use of it, here as on the server.
document.addEventListener("htmx:afterRequest", (event) => { if (event.detail.successful && !("unattended" in event.detail.elt.dataset)) countAfresh(); });
// One way to say the period: a relative one empties the two times, a time takes the relative one away.
document.addEventListener("change", (event) => {
  const form = event.target.closest?.("form[data-period]");
  if (!form) return;
  if (event.target.name === "period" && event.target.value) for (const time of form.querySelectorAll("[name=since], [name=until]")) time.value = "";
  if (["since", "until"].includes(event.target.name) && event.target.value) form.querySelector("[name=period]").value = "";
});
document.addEventListener("htmx:afterSettle", offerCopy);
// When another card begins on this terminal, or a session ends, the other tabs go blank at once.
const tabs = new BroadcastChannel("eigyo-use");
tabs.onmessage = (message) => {
  if (document.body.dataset.use && message.data !== document.body.dataset.use) {
    document.body.classList.add("blank");
    location.replace("/start/");
  }
};
tabs.postMessage(document.body.dataset.use);
// An answer that is no list (a refusal, a fault) takes the whole screen, as it does without this file.
document.addEventListener("htmx:beforeSwap", (event) => {
  if (event.detail.xhr.status < 400) return;
  const answer = new DOMParser().parseFromString(event.detail.xhr.response, "text/html");
  document.title = answer.title;
  document.body.replaceWith(document.adoptNode(answer.body));
  countAfresh();
  tabs.postMessage(document.body.dataset.use);
});
window.addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
if (document.body.classList.contains("printing")) window.print();
offerCopy();
