// The last captions of a page, for OBS: transparent, and nothing else. ?lines=2&seconds=8
const query = new URLSearchParams(location.search);
const most = Math.min(6, Math.max(1, Number(query.get("lines")) || 2));
const seconds = Math.min(600, Math.max(1, Number(query.get("seconds")) || 8));
const overlay = document.getElementById("overlay");
let growing = null;
let timer = 0;

function show(text, isFinal) {
  if (!growing) {
    growing = document.createElement("p");
    overlay.append(growing);
  }
  growing.textContent = text;
  growing.hidden = !text;
  if (isFinal) growing = null;
  while (overlay.childElementCount > most) overlay.firstChild.remove();
  clearTimeout(timer);
  timer = setTimeout(() => {
    overlay.replaceChildren();
    growing = null;
  }, seconds * 1000);
}

const id = query.get("id");
if (id) {
  const source = new EventSource(`/captions/events?id=${encodeURIComponent(id)}`);
  source.onmessage = ({ data }) => {
    const { text, final } = JSON.parse(data);
    show(text, final);
  };
} else {
  show("This address does not name a page: copy it from the page with the captions, “For OBS”.", true);
  clearTimeout(timer);
}
