// What the chat page shows: the replies, the resident's own messages, and the page's language. All text becomes text
// nodes; links are made only of http, https, mailto and tel. The templates make the same elements on the server.

const SAFE_LINK = /^(https?:\/\/|mailto:|tel:)/;
const MOST_SHOWN = 1500; // characters of one's own message
const KEYBOARDS = {
  phone: { inputmode: "tel", autocomplete: "tel" },
  email: { inputmode: "email", autocomplete: "email", autocapitalize: "off" },
  personnummer: { inputmode: "numeric", autocomplete: "off" },
  postcode: { inputmode: "numeric", autocomplete: "postal-code" },
};

const texts = JSON.parse(document.body.dataset.texts);
const log = document.getElementById("log");
const input = document.getElementById("text");

export let t = texts[document.documentElement.lang]; // the fixed texts in the page's language

export function element(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

function link(part) {
  const anchor = element("a", { href: part.href }, part.text);
  if (part.href.startsWith("http")) {
    anchor.target = "_blank";
    anchor.rel = "noopener noreferrer";
    anchor.append(element("span", { class: "unseen" }, ` ${t.new_tab}`));
  }
  return anchor;
}

function button(choice) {
  const look = choice.weight === "answer" ? {} : { class: choice.weight };
  return element("button", { ...look, type: "submit", form: "message", name: "choice", value: choice.id }, choice.label);
}

function replyNodes(reply, response) {
  const isReceipt = response.submission && reply.text.includes(response.submission.reference);
  const urgent = reply.tone === "urgent";
  const node = element("div", { class: `reply${urgent ? " urgent" : ""}${isReceipt ? " receipt" : ""}` });
  if (reply.progress) {
    const label = element("label", { class: "progress" }, `${reply.progress} `);
    if (response.draft && response.draft.total) {
      label.append(element("progress", { value: response.draft.answered, max: response.draft.total }));
    }
    node.append(label);
  }
  if (urgent) node.append(element("p", { class: "urgent-word" }, t.urgent));
  const parts = reply.parts.map((part) => (part.href && SAFE_LINK.test(part.href) ? link(part) : part.text));
  node.append(element("p", { class: "text" }, ...parts));
  if (isReceipt) {
    const reference = element("strong", {}, response.submission.reference);
    node.append(element("p", { class: "reference" }, `${t.reference} `, reference));
    if (response.submission.code) {
      const code = element("strong", {}, response.submission.code);
      node.append(element("p", { class: "reference" }, `${t.receipt_code} `, code));
    }
  }
  if (reply.sources.length) {
    const word = () => element("span", { class: "source-word" }, `${reply.source_word}:`);
    const lines = reply.sources.map((source) => element("li", {}, word(), ` ${source.label}`));
    node.append(element("ul", { class: "sources" }, ...lines));
  }
  if (!reply.choices.length) return [node];
  const those = (secondary) => reply.choices.filter((choice) => (choice.weight === "secondary") === secondary).map(button);
  const buttons = those(false);
  const ways = those(true);
  if (ways.length) buttons.push(element("div", { class: "ways" }, ...ways));
  const group = { class: "choices", role: "group", "aria-label": t.choices, tabindex: "-1" };
  return [node, element("div", group, ...buttons)];
}

function retireChoices(within) {
  for (const group of within.querySelectorAll(".choices:not(.old)")) {
    group.classList.add("old");
    group.setAttribute("aria-label", t.old_choices);
  }
}

export function addMine(text, word) {
  const note = element("p", { class: "delivery" });
  const short = text.length > MOST_SHOWN ? `${text.slice(0, MOST_SHOWN)} …` : text;
  log.append(
    element("div", { class: "mine" }, element("p", { class: "unseen" }, word), element("p", { class: "text" }, short), note),
  );
  return note;
}

function turnNode(response, replies) {
  const heading = element("h2", { class: "unseen" }, t.bot_says);
  return element("div", { class: "turn", lang: response.language }, heading, ...replies.flat());
}

export function addTurn(response) {
  retireChoices(log);
  const turn = turnNode(response, response.replies.map((reply) => replyNodes(reply, response)));
  log.append(turn);
  const last = response.replies.at(-1);
  suitKeyboard(last ? last.expects : null);
  return turn;
}

// Replies to an earlier message, before the turn that the page opened with; what that turn says already is left out.
export function addMissed(response, opened) {
  const said = (node) => node.querySelector(".text").textContent.trim();
  const shown = [...opened.querySelectorAll(".reply")].map(said);
  const all = response.replies.map((reply) => replyNodes(reply, response));
  const missed = all.filter(([node]) => !shown.includes(said(node)));
  if (!missed.length) return null;
  const turn = turnNode(response, missed);
  retireChoices(turn);
  opened.before(turn);
  return turn;
}

function headerHeight() {
  const header = document.querySelector("header");
  return getComputedStyle(header).position === "sticky" ? header.offsetHeight + 16 : 16;
}

export function bringIntoView(turn) {
  const mine = turn.previousElementSibling?.classList.contains("mine") ? turn.previousElementSibling : turn;
  const room = window.innerHeight - document.querySelector(".composer").offsetHeight - headerHeight();
  const height = turn.getBoundingClientRect().bottom - mine.getBoundingClientRect().top;
  if (height > room) mine.scrollIntoView({ block: "start" });
  else window.scrollTo({ top: document.documentElement.scrollHeight });
}

export function suitKeyboard(expects) {
  const usual = { inputmode: "text", autocomplete: "off", autocapitalize: "sentences" };
  for (const [name, value] of Object.entries({ ...usual, ...KEYBOARDS[expects] })) input.setAttribute(name, value);
}

export function changeLanguage(language) {
  if (!texts[language] || document.documentElement.lang === language) return;
  t = texts[language];
  document.documentElement.lang = language;
  for (const node of document.querySelectorAll("[data-text]")) node.textContent = t[node.dataset.text];
  for (const node of document.querySelectorAll("[data-label]")) node.setAttribute("aria-label", t[node.dataset.label]);
  for (const node of document.querySelectorAll("[data-placeholder]")) node.placeholder = t[node.dataset.placeholder];
  const other = document.querySelector("button.language");
  other.textContent = t.other_language;
  other.lang = t.other_language_id;
  other.value = `c:language:${t.other_language_id}`;
  for (const anchor of document.querySelectorAll(".menu a")) {
    anchor.href = `${new URL(anchor.href).pathname}?lang=${language}`;
  }
}
