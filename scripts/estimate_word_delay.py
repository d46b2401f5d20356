"""Estimate how late a model emits its tokens, on recordings, for `nemocli file --align SECONDS`.

    python scripts/estimate_word_delay.py --model demo talk.flac ...

The recordings should have pauses and little noise. Where the sound falls silent before a pause, the
last word ends; the delay runs from there to the end of the encoder frame of the word's last token.
"""

import argparse
import sys
import unicodedata

import numpy as np

import nemocli
from nemocli.units import FRAME_SECONDS

#: Seconds to the next word that make a pause.
PAUSE_S = 0.3

#: Where `--align sound` lets a word end that is not followed by silence: so much before the end of
#: its frame, and before the end of its chunk.
BEFORE_FRAME_END, BEFORE_CHUNK_END = 0.07, 0.1


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("recordings", nargs="+", metavar="FILE")
    parser.add_argument("--model")
    parser.add_argument("--lang", default="auto")
    parser.add_argument("--lookahead", type=int)
    options = parser.parse_args()
    transcriber = nemocli.load(options.model, lookahead=options.lookahead)
    delays = [
        delay
        for path in options.recordings
        for delay in find_delays(
            transcriber.transcribe(path, options.lang, align="sound"), transcriber.lookahead + 1
        )
    ]
    if not delays:
        sys.exit("There is no word before a silence: take recordings with pauses, without noise.")
    low, median, high = np.percentile(delays, [25, 50, 75])
    print(
        f"{len(delays)} words before a silence, lookahead {transcriber.lookahead}: delay"
        f" {median:.2f} s (half of them {low:.2f} to {high:.2f} s)"
    )


def find_delays(transcript: nemocli.Transcript, chunk: int) -> list[float]:
    """Return the delay of each word that ends before silence; chunks have `chunk` frames."""
    tokens = [token for token in transcript.tokens if is_spoken(token)]
    delays = []
    for word, following in zip(transcript.words, [*transcript.words[1:], None], strict=True):
        if following is not None and following.start - word.end <= PAUSE_S:
            continue
        start, end = word.model_times
        if frames := [token.frame for token in tokens if start <= token.time < end]:
            emitted = (frames[-1] + 1) * FRAME_SECONDS
            chunk_end = (frames[-1] // chunk + 1) * chunk * FRAME_SECONDS
            not_silent = min(emitted - BEFORE_FRAME_END, chunk_end - BEFORE_CHUNK_END)
            if word.end < not_silent - 0.001:
                delays.append(emitted - word.end)
    return delays


def is_spoken(token: nemocli.Token) -> bool:
    """Tell whether a token is neither a language tag nor punctuation."""
    bare = token.piece.removeprefix("▁")
    return not (token.language or all(unicodedata.category(c).startswith("P") for c in bare))


if __name__ == "__main__":
    main()
