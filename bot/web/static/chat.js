// The chat page with JavaScript: sends one message at a time, sends it again under the same id when the connection
// breaks, shows the replies that a page missed when it was reloaded, and keeps the focus where the resident expects it.
// Without this script the page is a plain form and works too.

import { addMine, addMissed, addTurn, bringIntoView, changeLanguage, element, suitKeyboard, t } from "./replies.js";

const MOST_BYTES = 250_000; // of one message, a little under what the server takes
const WAIT_FOR_ANSWER = 30_000; // milliseconds
const LONGEST_PAUSE = 30_000; // milliseconds between two attempts
const ATTEMPTS_AT_SERVER_ERROR = 4;
const UNDER_WAY = "under way"; // in the tab's memory: ids of messages whose replies were not shown yet, and no text

const form = document.getElementById("message");
const input = document.getElementById("text");
const menu = document.querySelector("details.menu");
const typing = document.getElementById("typing");
const status = document.getElementById("status");
const trouble = document.getElementById("trouble");
const leave = document.querySelector(".leave");
const composer = document.querySelector(".composer");
const queue = []; // messages not answered yet, oldest first
let busy = false;

// --- sending -------------------------------------------------------------------------------------------------------

function newId() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function enqueue(body, shown, word, button = null) {
  const message = { body: { message_id: newId(), ...body }, text: body.text, button, note: addMine(shown, word) };
  showWaiting(message);
  queue.push(message);
  work();
}

// The field at the bottom must cover neither the message that waits nor what has the focus.
function keepClearOfComposer() {
  const covers = getComputedStyle(composer).position === "sticky" ? composer.offsetHeight : 0;
  document.documentElement.style.scrollPaddingBottom = `${covers + 16}px`;
}

function showWaiting(message) {
  keepClearOfComposer();
  message.note.parentElement.scrollIntoView({ block: "nearest" });
}

function showTyping(on) {
  typing.hidden = !on;
  status.textContent = on ? t.typing : "";
}

async function work() {
  if (busy) return;
  busy = true;
  while (queue.length) {
    await deliver(queue[0]);
    queue.shift();
  }
  busy = false;
}

async function deliver(message) {
  keepUnderWay([...underWay(), message.body.message_id]);
  for (let attempt = 1; ; attempt += 1) {
    const slow = setTimeout(showTyping, 400, true);
    const answer = await ask(message.body);
    clearTimeout(slow);
    showTyping(false);
    if (answer.kind === "replies") return settle(message, answer.data, attempt);
    const hopeless = answer.kind === "refused" || (answer.kind === "trouble" && attempt >= ATTEMPTS_AT_SERVER_ERROR);
    if (hopeless) return giveBack(message, answer.sentence);
    message.note.textContent = t.not_sent;
    const rested = pause(t[answer.kind], answer.wait ?? Math.min(LONGEST_PAUSE, 500 * 2 ** attempt));
    showWaiting(message);
    await rested;
  }
}

async function ask(body, path = "/turn") {
  let reply;
  let data;
  try {
    reply = await fetch(path, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
      credentials: "same-origin",
      signal: AbortSignal.timeout(WAIT_FOR_ANSWER),
    });
    data = reply.status === 204 ? null : await reply.json();
  } catch {
    return { kind: reply && reply.status >= 500 ? "trouble" : "offline", sentence: t.failed };
  }
  if (reply.ok) return { kind: "replies", data };
  if (reply.status === 429) return { kind: "busy", wait: 1000 * Number(reply.headers.get("Retry-After") || 5) };
  return { kind: reply.status >= 500 ? "trouble" : "refused", sentence: data.error };
}

function settle(message, response, attempt) {
  message.note.textContent = "";
  trouble.replaceChildren(...(attempt > 1 ? [t.sent_again] : []));
  if (attempt > 1) setTimeout(() => trouble.replaceChildren(), 5000);
  const focusWasHere = document.activeElement === message.button || document.activeElement === document.body;
  changeLanguage(response.language);
  if (response.municipality) document.getElementById("municipality").textContent = response.municipality;
  const turn = addTurn(response);
  bringIntoView(turn);
  if (message.button && focusWasHere) focusAfterChoice(turn);
  forget(message.body.message_id);
}

function focusAfterChoice(turn) {
  const group = turn.querySelector(".choices");
  (group ?? input).focus({ preventScroll: true });
}

function giveBack(message, sentence) {
  forget(message.body.message_id);
  message.note.textContent = t.refused;
  trouble.replaceChildren(sentence);
  if (message.text && !input.value) {
    input.value = message.text;
    fitInput();
  }
}

function pause(sentence, milliseconds) {
  return new Promise((resolve) => {
    const now = element("button", { type: "button" }, t.try_now);
    const done = () => {
      clearTimeout(timer);
      window.removeEventListener("online", done);
      if (document.activeElement === now) input.focus();
      now.remove();
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    window.addEventListener("online", done);
    now.addEventListener("click", done);
    if (trouble.firstChild?.textContent !== sentence) trouble.replaceChildren(element("span", {}, sentence));
    trouble.append(now);
  });
}

// --- what a page that was reloaded missed --------------------------------------------------------------------------

function underWay() {
  try {
    return JSON.parse(sessionStorage.getItem(UNDER_WAY)) ?? [];
  } catch {
    return []; // a browser that keeps nothing
  }
}

function keepUnderWay(ids) {
  try {
    if (ids.length) sessionStorage.setItem(UNDER_WAY, JSON.stringify(ids));
    else sessionStorage.removeItem(UNDER_WAY);
  } catch {
    // A browser that keeps nothing: a reply that is missed there stays missed.
  }
}

function forget(id) {
  keepUnderWay(underWay().filter((other) => other !== id));
}

// An id stays for the next time when the server could not be asked.
async function showMissed(opened) {
  for (const id of underWay()) {
    const answer = await ask({ message_id: id }, "/missed");
    if (answer.kind !== "replies" && answer.kind !== "refused") continue;
    const turn = answer.data ? addMissed(answer.data, opened) : null;
    if (turn && !queue.length) turn.scrollIntoView({ block: "start" });
    forget(id);
  }
}

// --- what the resident does ----------------------------------------------------------------------------------------

function fitInput() {
  input.style.height = "auto";
  input.style.height = `${input.scrollHeight + 2}px`;
}

function sendText() {
  const text = input.value;
  if (!text.trim()) return input.focus();
  if (new TextEncoder().encode(JSON.stringify(text)).length > MOST_BYTES) {
    trouble.replaceChildren(t.too_long);
    return input.focus();
  }
  trouble.replaceChildren();
  input.value = "";
  fitInput();
  enqueue({ text }, text, t.you_wrote);
  input.focus({ preventScroll: true });
}

function choose(button) {
  if (queue.some((message) => message.button === button)) return; // a double tap
  const label = button.textContent.trim();
  const group = button.closest(".choices");
  if (group && !button.classList.contains("chosen")) {
    button.classList.add("chosen");
    button.append(element("span", { class: "unseen" }, ` (${t.chosen})`));
  }
  button.closest("details")?.removeAttribute("open");
  enqueue({ choice: button.value }, button.dataset.plain ?? label, t.you_chose, button);
  button.dataset.plain ??= label;
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button[name=choice]");
  if (button) {
    event.preventDefault();
    choose(button);
  }
  if (!menu.contains(event.target)) menu.removeAttribute("open");
});

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && menu.open) {
    menu.removeAttribute("open");
    menu.querySelector("summary").focus();
  }
});

form.addEventListener("submit", (event) => {
  event.preventDefault();
  sendText();
});

input.addEventListener("input", fitInput);
input.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    sendText();
  }
});

leave.addEventListener("click", (event) => {
  event.preventDefault();
  const away = leave.dataset.away;
  queue.length = 0;
  keepUnderWay([]);
  fetch(leave.href, { keepalive: true, redirect: "manual", credentials: "same-origin" }).catch(() => undefined);
  document.body.replaceChildren();
  window.location.replace(away);
});

window.addEventListener("pageshow", (event) => {
  if (event.persisted) window.location.reload();
});

// --- from the start ------------------------------------------------------------------------------------------------

async function waitForFreeText(notice) {
  while (notice.isConnected) {
    await new Promise((resolve) => setTimeout(resolve, 2000));
    try {
      const answer = await fetch("/ready", { signal: AbortSignal.timeout(5000) });
      if (answer.ok && (await answer.json()).free_text) {
        notice.remove();
        status.textContent = t.warm;
      }
    } catch {
      // The next round asks again.
    }
  }
}

const warming = document.getElementById("warming");
if (warming) waitForFreeText(warming);
if (window.location.search.includes("vidare") || window.location.pathname !== "/") {
  window.history.replaceState(null, "", "/"); // a link that led here is not left in the address
}
const opened = document.querySelector(".turn");
suitKeyboard(opened.dataset.expects);
showMissed(opened);
fitInput();
new ResizeObserver(keepClearOfComposer).observe(composer);
