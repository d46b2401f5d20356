// The page: sound of the microphone or of a file, and its captions.
import { FORMATS } from "/static/formats.js";
import { fetchModel, key, openSession, transcribeFile } from "/static/server.js";

const get = (id) => document.getElementById(id);
const root = document.documentElement;
const MAX_LINES = 2000;

const segments = [];
const feed = Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) =>
  byte.toString(16).padStart(2, "0")).join("");
let live = null;
let fileStop = null;
let hasSpeakers = false;
let lastSpeaker = "";

// ------------------------------------------------------------------------------------------ view

const store = {
  get: (name) => { try { return localStorage.getItem(name); } catch { return null; } },
  set: (name, value) => { try { localStorage.setItem(name, value); } catch { /* private mode */ } },
};

function setTheme(theme) {
  root.dataset.theme = theme;
  store.set("theme", theme);
}

function setSize(rem) {
  const size = Math.min(6, Math.max(1, rem));
  root.style.setProperty("--size", `${size}rem`);
  store.set("size", size);
}

const currentSize = () => parseFloat(getComputedStyle(root).getPropertyValue("--size"));

function isDark() {
  const chosen = root.dataset.theme;
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

function say(sentence, failed = false) {
  get("status").textContent = sentence;
  get("status").classList.toggle("failed", failed);
}

// -------------------------------------------------------------------------------------- captions

function follow(change) {
  const page = document.scrollingElement;
  const isAtEnd = page.scrollHeight - page.scrollTop - page.clientHeight < 120;
  change();
  if (isAtEnd) page.scrollTo({ top: page.scrollHeight });
}

function showGrowing(text) {
  follow(() => { get("growing").textContent = text; });
  get("hint").hidden = true;
}

// A is Speaker 1, as everywhere else. Where no speakers are looked for, there is no name.
function nameSpeaker(letter) {
  if (/^[A-Z]$/.test(letter)) return `Speaker ${letter.charCodeAt(0) - 64}`;
  return letter && "Unknown";
}

function addSegment(base, { start, end, text, speaker = "" }) {
  const name = nameSpeaker(speaker);
  const label = name ? `${name}: ` : "";
  segments.push({ start: base + start, end: base + end, text: label + text });
  addLine(text, speaker);
}

function addLine(text, speaker = "") {
  if (!text.trim()) return;
  follow(() => {
    const line = document.createElement("p");
    if (speaker) {
      const name = document.createElement("b");
      name.textContent = `${nameSpeaker(speaker)}: `;
      line.dataset.speaker = speaker;
      line.classList.toggle("same", speaker === lastSpeaker);
      line.append(name);
    }
    lastSpeaker = speaker;
    line.append(text);
    get("lines").append(line);
    while (get("lines").childElementCount > MAX_LINES) get("lines").firstChild.remove();
    get("growing").textContent = "";
  });
  get("hint").hidden = true;
  showSaves();
}

function showSaves() {
  for (const button of document.querySelectorAll("[data-format]")) button.disabled = !segments.length;
  get("clear").disabled = !segments.length;
}

function save(format) {
  const [type, write] = FORMATS[format];
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([write(segments)], { type }));
  link.download = `captions.${format}`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

// ------------------------------------------------------------------------------------ microphone

async function startMicrophone() {
  if (!navigator.mediaDevices) {
    say("Browsers give the microphone only to pages of localhost, or by https.", true);
    return;
  }
  get("microphone").disabled = true;
  say("Opening the microphone …");
  const own = { text: "", sent: 0, base: segments.at(-1)?.end ?? 0 };
  try {
    const device = get("device").value;
    own.stream = await navigator.mediaDevices.getUserMedia({
      audio: { ...(device ? { deviceId: { exact: device } } : {}), channelCount: 1 },
    });
    own.context = new AudioContext();
    if (own.context.sampleRate > 48000) {
      await own.context.close();
      own.context = new AudioContext({ sampleRate: 48000 });
    }
    await own.context.audioWorklet.addModule("/static/capture.js");
  } catch (error) {
    get("microphone").disabled = false;
    release(own);
    const reasons = {
      NotAllowedError: "The browser may not use the microphone: allow it for this page.",
      NotFoundError: "There is no microphone.",
    };
    say(reasons[error.name] || `The microphone cannot be opened (${error.name}).`, true);
    return;
  }
  live = own;
  const rate = own.context.sampleRate;
  own.session = openSession(rate, get("language").value, feed, (event, closed) => handle(own, event, closed));
  const source = own.context.createMediaStreamSource(own.stream);
  own.node = new AudioWorkletNode(own.context, "capture", { numberOfOutputs: 0 });
  own.node.port.onmessage = ({ data }) => {
    own.session.sendSamples(data);
    if (own.isOpen) own.sent += data.length / rate;
    let sum = 0;
    for (const sample of data) sum += sample * sample;
    get("level").value = 10 * Math.log10(sum / data.length + 1e-12);
  };
  source.connect(own.node);
  own.stream.getAudioTracks()[0].onended = () => stopMicrophone("The microphone was taken away.");
  listDevices();
}

function handle(own, event, closed) {
  if (event === null) {
    if (live === own) live = null;
    release(own);
    const button = get("microphone");
    button.disabled = false;
    button.textContent = "Start microphone";
    button.setAttribute("aria-pressed", "false");
    get("level").value = -60;
    get("lag").textContent = "";
    if (own.isStopping) say("Stopped.");
    else if (own.reason) say(own.reason, true);
    else say(closed.reason || `The connection was closed (${closed.code}).`, true);
    return;
  }
  const kind = event.type.replace("conversation.item.input_audio_transcription.", "");
  if (kind === "session.updated") {
    if (!own.isOpen) {
      own.isOpen = true;
      const button = get("microphone");
      button.disabled = false;
      button.textContent = "Stop microphone";
      button.setAttribute("aria-pressed", "true");
    }
    if (!own.isStopping) say(["Listening.", ...(event.warnings || [])].join(" "));
  } else if (kind === "delta") {
    own.text += event.delta;
    showGrowing(own.text);
    const behind = own.sent - event.audio_end_ms / 1000;
    get("lag").textContent = `lag ${Math.max(0, behind).toFixed(1)} s`;
  } else if (kind === "completed") {
    for (const each of event.segments || []) {
      segments.push({ start: own.base + each.start, end: own.base + each.end, text: each.text });
    }
    addLine(event.transcript);
    own.text = "";
    if (own.isStopping) own.session.close();
  } else if (kind === "error" || kind === "failed") {
    own.reason = event.error.message;
    own.session.close();
  }
}

function stopMicrophone(reason) {
  const own = live;
  if (!own || own.isStopping) return;
  own.isStopping = !reason;
  own.reason = reason;
  own.stream.getTracks().forEach((track) => track.stop());
  say("Finishing …");
  own.session.finish();
  setTimeout(() => own.session.close(), reason ? 0 : 10000);
}

function release(own) {
  own.stream?.getTracks().forEach((track) => track.stop());
  own.node?.disconnect();
  if (own.context && own.context.state !== "closed") own.context.close();
}

async function listDevices() {
  if (!navigator.mediaDevices) return;
  const devices = await navigator.mediaDevices.enumerateDevices();
  const chosen = get("device").value;
  const options = [new Option("default", "")];
  for (const device of devices) {
    if (device.kind === "audioinput" && device.deviceId && device.deviceId !== "default") {
      options.push(new Option(device.label || `microphone ${options.length}`, device.deviceId));
    }
  }
  get("device").replaceChildren(...options);
  get("device").value = chosen;
}

// ------------------------------------------------------------------------------------------ files

async function readFile(file) {
  fileStop?.abort();
  stopMicrophone();
  const stop = (fileStop = new AbortController());
  const began = performance.now();
  const base = segments.at(-1)?.end ?? 0;
  lastSpeaker = "";
  let text = "", warnings = [];
  say(`Transcribing ${file.name} …`);
  try {
    const language = get("language").value;
    for await (const event of transcribeFile(file, language, stop.signal, hasSpeakers)) {
      if (event.type === "transcript.text.delta") {
        text += event.delta;
        showGrowing(text);
      } else if (event.type === "transcript.text.segment") {
        addSegment(base, event);
      } else if (event.type === "transcript.text.done") {
        warnings = event.warnings || [];
        for (const each of event.segments || []) addSegment(base, each);
      }
    }
    const seconds = ((performance.now() - began) / 1000).toFixed(1);
    const end = text ? `done in ${seconds} s.` : "no words were recognised.";
    say([`${file.name}: ${end}`, ...warnings].join(" "));
  } catch (error) {
    if (!stop.signal.aborted) say(error.message, true);
  }
  get("growing").textContent = "";
}

// ------------------------------------------------------------------------------------------ start

async function showModel() {
  try {
    const model = await fetchModel();
    get("key-field").hidden = model !== null;
    if (!model) {
      say("This server needs its key.", true);
      get("key").focus();
      return;
    }
    hasSpeakers = Boolean(model.speakers);
    get("model").textContent = `${model.id} · ${model.runtime} · ${model.precision}`;
    const names = new Intl.DisplayNames(["en"], { type: "language" });
    get("language").replaceChildren(new Option("auto", "auto"), ...model.languages.map((tag) => {
      let name = tag;
      try { name = `${names.of(tag)}`; } catch { /* as it is */ }
      return new Option(name, tag);
    }));
    const saved = store.get("language");
    if (saved && [...get("language").options].some((each) => each.value === saved)) {
      get("language").value = saved;
    }
    say("Ready.");
  } catch (error) {
    say(error.message, true);
  }
}

get("microphone").onclick = () => (live ? stopMicrophone() : startMicrophone());
get("choose").onclick = () => get("file").click();
get("file").onchange = () => {
  if (get("file").files.length) readFile(get("file").files[0]);
  get("file").value = "";
};
get("language").onchange = () => {
  store.set("language", get("language").value);
  live?.session.setLanguage(get("language").value);
};
get("key").onchange = () => {
  key.set(get("key").value);
  showModel();
};
get("key-field").onsubmit = (event) => {
  event.preventDefault();
  get("key").onchange();
};
get("larger").onclick = () => setSize(currentSize() * 1.15);
get("smaller").onclick = () => setSize(currentSize() / 1.15);
get("theme").onclick = () => setTheme(isDark() ? "light" : "dark");
get("clear").onclick = () => {
  segments.length = 0;
  get("lines").replaceChildren();
  get("growing").textContent = "";
  get("hint").hidden = false;
  showSaves();
};
get("copy").onclick = async () => {
  get("obs").select();
  try {
    await navigator.clipboard.writeText(get("obs").value);
    say("The address is copied.");
  } catch {
    say("Copy the address that is selected.");
  }
};
for (const button of document.querySelectorAll("[data-format]")) {
  button.onclick = () => save(button.dataset.format);
}

let dragging = 0;
const hasFile = (event) => [...(event.dataTransfer?.types || [])].includes("Files");
addEventListener("dragenter", (event) => {
  if (hasFile(event)) document.body.classList.toggle("dragging", ++dragging > 0);
});
addEventListener("dragleave", (event) => {
  if (hasFile(event)) document.body.classList.toggle("dragging", --dragging > 0);
});
addEventListener("dragover", (event) => event.preventDefault());
addEventListener("drop", (event) => {
  event.preventDefault();
  dragging = 0;
  document.body.classList.remove("dragging");
  if (event.dataTransfer.files.length) readFile(event.dataTransfer.files[0]);
});

if (store.get("theme")) setTheme(store.get("theme"));
if (store.get("size")) setSize(parseFloat(store.get("size")));
get("obs").value = `${location.origin}/captions?id=${feed}`;
showSaves();
showModel();
listDevices();
