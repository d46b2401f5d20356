"""What a realtime session sends: its settings, turns as items, and errors."""

import json
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from nemocli.live.turns import TurnCleared, TurnEnded, TurnEvent, TurnStarted, TurnText
from nemocli.server.answers import describe_languages, describe_word, list_logprobs
from nemocli.server.caption_feeds import read_feed
from nemocli.server.errors import ApiError
from nemocli.server.realtime_settings import LOGPROBS, PROGRESS, TOKENS, convert_to_old_session
from nemocli.server.service import Service
from nemocli.transcript.json_documents import describe_token
from nemocli.transcript.segments import split_segments
from nemocli.transcript.types import Token

#: Code of a WebSocket whose server goes away.
GOING_AWAY = 1001

#: Seconds after which a session ends by what its settings say; it goes on all the same.
SESSION_S = 3600

_TRANSCRIPTION = "conversation.item.input_audio_transcription"


class RealtimeWriter:
    """Writes events; with `is_old`, those of the interface before 2026."""

    def __init__(self, websocket: WebSocket, service: Service) -> None:
        self.is_old = False
        #: What the client would like besides the text.
        self.includes: frozenset[str] = frozenset()
        # Where the page's captions are followed by another page.
        self._feed = read_feed(websocket.query_params.get("captions"))
        self._feeds = service.caption_feeds
        self._text = ""
        self._websocket = websocket
        self._statistics = service.live_statistics
        self._id = _make_id("sess")
        # The item of the turn that was begun or comes next, and of the one before.
        self._item = _make_id("item")
        self._previous_item: str | None = None
        # Second of the sound at which the last turn ended, or was cleared.
        self._turn_began = 0.0

    async def send(self, kind: str, **members: Any) -> None:
        """Send an event. Raises WebSocketDisconnect if the connection is gone or closed."""
        event = {"type": kind, "event_id": _make_id("event"), **members}
        try:
            await self._websocket.send_text(json.dumps(event))
        except (OSError, RuntimeError):
            raise WebSocketDisconnect(GOING_AWAY) from None

    async def send_session(
        self, happened: str, session: dict[str, Any], warnings: Sequence[str] = ()
    ) -> None:
        """Send the settings, which were `created` or `updated`."""
        kind = "transcription_session" if self.is_old else "session"
        shown = {
            "id": self._id,
            "object": "realtime.transcription_session",
            "expires_at": int(datetime.now(UTC).timestamp()) + SESSION_S,
            **(convert_to_old_session(session) if self.is_old else session),
        }
        more = {"warnings": list(warnings)} if warnings else {}
        await self.send(f"{kind}.{happened}", session=shown, **more)

    async def send_failure(self, failure: ApiError) -> None:
        """Say that the turn that was begun cannot be transcribed."""
        await self.send(
            f"{_TRANSCRIPTION}.failed",
            item_id=self._item,
            content_index=0,
            error=failure.make_body(),
        )

    async def send_turns(
        self, events: Sequence[TurnEvent], ends_at_pauses: bool, seconds: float
    ) -> None:
        """Send turns; `seconds` of sound were transcribed. Only pauses begin and end speech."""
        for event in events:
            self._publish(event)
            if isinstance(event, TurnText):
                await self.send(
                    f"{_TRANSCRIPTION}.delta",
                    item_id=self._item,
                    content_index=0,
                    delta=event.text,
                    audio_end_ms=round(1000 * seconds),
                )
            elif isinstance(event, TurnEnded):
                if ends_at_pauses and event.text:
                    await self._send_place("speech_stopped", audio_end_ms=round(1000 * event.end))
                await self._end_turn(event, seconds)
            elif isinstance(event, TurnCleared):
                # Its deltas are not part of the next transcript.
                self._item, self._turn_began = _make_id("item"), seconds
                await self.send("input_audio_buffer.cleared")
            elif isinstance(event, TurnStarted) and ends_at_pauses:
                await self._send_place("speech_started", audio_start_ms=round(1000 * event.start))

    def _publish(self, event: TurnEvent) -> None:
        """Give the text of the turn so far to those who follow the captions."""
        if self._feed is None:
            return
        if isinstance(event, TurnText):
            self._text += event.text
            self._feeds.publish(self._feed, self._text, is_final=False)
        elif isinstance(event, TurnEnded):
            self._text = ""
            if event.text:
                self._feeds.publish(self._feed, event.text, is_final=True)
        elif isinstance(event, TurnCleared) and self._text:
            self._text = ""
            self._feeds.publish(self._feed, "", is_final=False)

    async def _send_place(self, happened: str, **place: int) -> None:
        await self.send(f"input_audio_buffer.{happened}", **place, item_id=self._item)

    async def _end_turn(self, turn: TurnEnded, seconds: float) -> None:
        self._statistics.turns += 1
        item, previous = self._item, self._previous_item
        self._previous_item, self._item = item, _make_id("item")
        await self.send("input_audio_buffer.committed", item_id=item, previous_item_id=previous)
        shown = {
            "id": item,
            "type": "message",
            "object": "realtime.item",
            "status": "completed",
            "role": "user",
            "content": [{"type": "input_audio", "transcript": None}],
        }
        for happened in ("created",) if self.is_old else ("added", "done"):
            await self.send(f"conversation.item.{happened}", previous_item_id=previous, item=shown)
        await self.send(
            f"{_TRANSCRIPTION}.completed",
            item_id=item,
            content_index=0,
            transcript=turn.text,
            usage={"type": "duration", "seconds": round(seconds - self._turn_began, 3)},
            segments=[
                {
                    "start": each.start,
                    "end": each.end,
                    "text": each.text,
                    "words": [describe_word(word) for word in each.words],
                }
                for each in split_segments(turn.words)
            ],
            **describe_languages(turn.language),
            **self._describe_tokens(turn.tokens or ()),
        )
        self._turn_began = seconds

    def _describe_tokens(self, tokens: Sequence[Token]) -> dict[str, Any]:
        described: dict[str, Any] = {}
        if LOGPROBS in self.includes:
            described["logprobs"] = list_logprobs(tokens)
        if TOKENS in self.includes:
            described["tokens"] = [describe_token(token) for token in tokens]
        return described

    async def send_progress(self, seconds: float) -> None:
        """Say that all chunks in so many seconds of sound are transcribed, if that is included."""
        if PROGRESS in self.includes:
            await self.send("nemocli.progress", audio_end_ms=round(1000 * seconds))


def _make_id(kind: str) -> str:
    return f"{kind}_{secrets.token_hex(10)}"
