"""The lists of phrases that were compiled for a loaded model."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence

from nemocli.boosting.matcher import PhraseMatcher
from nemocli.boosting.phrases import Phrases
from nemocli.boosting.vocabulary import Vocabulary

#: Compiled lists that are kept: those used last.
MAX_LISTS = 32


class CompiledPhrases:
    """Compiles each list once for all streams of a model. Several threads may use it."""

    def __init__(self, list_pieces: Callable[[], Sequence[str | None]]) -> None:
        """`list_pieces` is called at the first list: it returns what Vocabulary takes."""
        self._list_pieces = list_pieces
        self._vocabulary: Vocabulary | None = None
        self._matchers: OrderedDict[tuple[str, float, bool], PhraseMatcher] = OrderedDict()
        self._lock = threading.Lock()

    def find(self, phrases: Phrases | None) -> PhraseMatcher | None:
        """Return a list compiled; None for no list, and for one without any effect."""
        if not phrases:
            return None
        key = phrases.sha256, phrases.boost, phrases.over_blank
        with self._lock:
            if key not in self._matchers:
                if self._vocabulary is None:
                    self._vocabulary = Vocabulary(self._list_pieces())
                self._matchers[key] = PhraseMatcher(phrases, self._vocabulary)
                if len(self._matchers) > MAX_LISTS:
                    self._matchers.popitem(last=False)
            self._matchers.move_to_end(key)
            return self._matchers[key]
