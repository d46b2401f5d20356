// Captions as files. A segment has a text, and its start and end in seconds.

function clock(seconds, comma) {
  const ms = Math.round(seconds * 1000);
  const two = (number) => String(Math.floor(number)).padStart(2, "0");
  const fraction = String(ms % 1000).padStart(3, "0");
  return `${two(ms / 3600000)}:${two((ms / 60000) % 60)}:${two((ms / 1000) % 60)}${comma}${fraction}`;
}

function cues(segments, comma, numbered) {
  let free = 0;
  return segments.map((segment, at) => {
    const start = Math.max(segment.start, free);
    const end = Math.max(segment.end, start + 0.1);
    free = end;
    const text = segment.text.replace(/\s+/g, " ").replace(/-{2,}>/g, "->").trim();
    const head = numbered ? `${at + 1}\n` : "";
    return `${head}${clock(start, comma)} --> ${clock(end, comma)}\n${text}\n\n`;
  }).join("");
}

const escaped = (text) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");

export const FORMATS = {
  txt: ["text/plain", (segments) => segments.map((segment) => segment.text + "\n").join("")],
  srt: ["application/x-subrip", (segments) => cues(segments, ",", true)],
  vtt: ["text/vtt", (segments) => "WEBVTT\n\n" + cues(
    segments.map((segment) => ({ ...segment, text: escaped(segment.text) })), ".", false)],
  json: ["application/json", (segments) => JSON.stringify({ segments }, null, 1) + "\n"],
};
