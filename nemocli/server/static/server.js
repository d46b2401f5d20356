// The server of this page: its model, live sound over a WebSocket, and files as streams of events.

export const key = {
  get: () => sessionStorage.getItem("key") || "",
  set: (value) => sessionStorage.setItem("key", value),
};

const headers = () => (key.get() ? { Authorization: `Bearer ${key.get()}` } : {});

async function explain(response) {
  try {
    return (await response.json()).error.message;
  } catch {
    return `The server answered ${response.status}.`;
  }
}

export async function fetchModel() {
  const response = await fetch("/v1/models", { headers: headers() });
  if (response.status === 401) return null;
  if (!response.ok) throw new Error(await explain(response));
  return (await response.json()).data[0];
}

// Opens a realtime session; `handle` is called with each event, and with null at its end.
export function openSession(rate, language, feed, handle) {
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  const protocols = ["realtime"];
  if (key.get()) protocols.push(`openai-insecure-api-key.${key.get()}`);
  const url = `${scheme}://${location.host}/v1/realtime?intent=transcription&captions=${feed}`;
  const socket = new WebSocket(url, protocols);
  socket.binaryType = "arraybuffer";
  const send = (event) => socket.send(JSON.stringify(event));
  socket.onopen = () => send({
    type: "session.update",
    session: { type: "transcription", audio: { input: {
      format: { type: "audio/pcm", rate },
      transcription: { language },
      turn_detection: { type: "server_vad", silence_duration_ms: 800 },
    } } },
  });
  socket.onmessage = (message) => handle(JSON.parse(message.data));
  socket.onclose = (closed) => handle(null, closed);
  return {
    // Samples as they come, with 16 bits; what cannot be sent fast enough waits in the browser.
    sendSamples(samples) {
      if (socket.readyState !== WebSocket.OPEN) return;
      const pcm = new Int16Array(samples.length);
      for (let at = 0; at < samples.length; at++) {
        pcm[at] = Math.max(-1, Math.min(1, samples[at])) * 32767;
      }
      socket.send(pcm.buffer);
    },
    setLanguage(name) {
      if (socket.readyState !== WebSocket.OPEN) return;
      send({ type: "session.update", session: { audio: { input: { transcription: { language: name } } } } });
    },
    finish() {
      if (socket.readyState === WebSocket.OPEN) send({ type: "input_audio_buffer.commit" });
    },
    close: () => socket.close(),
  };
}

// Sends a file; yields events, and throws an Error with a sentence if it fails. With `speakers`,
// there is an event for each segment, with its speaker; otherwise the last one has the segments.
export async function* transcribeFile(file, language, signal, speakers) {
  const form = new FormData();
  form.append("model", "any");
  form.append("language", language);
  form.append("stream", "true");
  form.append("response_format", speakers ? "diarized_json" : "verbose_json");
  form.append("file", file);
  const options = { method: "POST", body: form, headers: headers(), signal };
  const response = await fetch("/v1/audio/transcriptions", options);
  if (!response.ok) throw new Error(await explain(response));
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    text += value;
    const events = text.split("\n\n");
    text = events.pop();
    for (const event of events) {
      const data = event.replace(/^data: /, "");
      if (data === "[DONE]") return;
      const parsed = JSON.parse(data);
      if (parsed.error) throw new Error(parsed.error.message);
      yield parsed;
    }
  }
}
