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
