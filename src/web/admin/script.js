// What the pages do better with a script, and do without one: tiles that follow the agent.
// It puts text into elements and sets class names; it never makes markup of what it is told.
"use strict";

const tones = ["good", "fair", "bad", "plain"];

function show(place, told) {
  place.classList.remove(...tones);
  if (tones.includes(told.tone)) place.classList.add(told.tone);
  const put = (part, text) => {
    const found = place.querySelector(part);
    if (found && found.textContent !== text) found.textContent = text;
  };
  put("[data-live-word]", told.word);
  put("[data-live-text]", told.text);
}

function follow() {
  const places = new Map();
  for (const place of document.querySelectorAll("[data-live]")) places.set(place.dataset.live, place);
  if (places.size === 0) return;
  // It dials again by itself after a cut.
  const source = new EventSource("/admin/live");
  source.onmessage = (message) => {
    for (const told of JSON.parse(message.data)) {
      const place = places.get(told.place);
      if (place) show(place, told);
    }
  };
}

follow();

// A test of what is typed: its lines as they come, beside the form, which stays as it is.
function line(told) {
  const item = document.createElement("li");
  if (tones.includes(told.tone)) item.classList.add(told.tone);
  const part = (tag, text, name) => {
    if (!text) return;
    const made = document.createElement(tag);
    if (name) made.className = name;
    made.textContent = text;
    item.append(made, " ");
  };
  part("span", told.word, "mark");
  part("b", told.label);
  part("bdi", told.text);
  part("span", told.advice, "advice");
  return item;
}

async function* messages(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    rest += value;
    for (let end = rest.indexOf("\n\n"); end >= 0; end = rest.indexOf("\n\n")) {
      const message = { event: "message", data: "" };
      for (const field of rest.slice(0, end).split("\n")) {
        if (field.startsWith("event: ")) message.event = field.slice(7);
        if (field.startsWith("data: ")) message.data += field.slice(6);
      }
      rest = rest.slice(end + 2);
      if (message.data) yield message;
    }
  }
}

async function tryOut(event) {
  const button = event.currentTarget;
  const section = document.getElementById("trial");
  if (!section || !window.TextDecoderStream) return;
  event.preventDefault();
  const [lines, end] = [document.getElementById("lines"), document.getElementById("trial-end")];
  lines.replaceChildren();
  end.textContent = "Under way …";
  section.hidden = false;
  button.disabled = true;
  section.scrollIntoView({ block: "nearest" });
  try {
    // A button's own formAction is the page's address where none is written.
    const answer = await fetch(button.hasAttribute("formaction") ? button.formAction : button.form.action, {
      method: "POST",
      body: new URLSearchParams(new FormData(button.form)),
      headers: { Accept: "text/event-stream" },
    });
    if (!(answer.headers.get("Content-Type") || "").startsWith("text/event-stream")) {
      throw new Error(answer.status === 401 ? "The session has ended: log in again." : "It could not be begun. Load this page again.");
    }
    end.textContent = "";
    for await (const message of messages(answer.body)) {
      if (message.event === "end") end.textContent = message.data;
      else lines.append(line(JSON.parse(message.data)));
    }
    if (!end.textContent) end.textContent = "It was cut off.";
  } catch (error) {
    end.textContent = error.message;
  } finally {
    button.disabled = false;
  }
}

for (const button of document.querySelectorAll("[data-trial]")) button.addEventListener("click", tryOut);
