"""Messages, calls, journeys and orders: the demo's sentences with names in them.

Why it exists: grammar.py's sentences are made of words that are pieces of the vocabulary. A name
is spelled from small pieces instead, so that one that was never met can be written, too.

Run `python messages.py` to print a few messages of each language, and how names are spelled.
Templates are written as in grammar.py.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from grammar import LANGUAGES, SLOTS, GrammarWord, Slot, fill, written
from names import HELD_OUT, KNOWN, Names, invent
from spelling import spell

INVENTED = 0.5  # of the names in training; the others are those of KNOWN

TITLES = {
    "en-US": ("Mister", "Miss"),
    "de-DE": ("Herrn", "Frau"),
    "es-ES": ("don", "doña"),
    "fr-FR": ("Monsieur", "Madame"),
    "ja-JP": (),
}

TEMPLATES: dict[str, list[str]] = {
    "en-US": [
        "Call {person}.",
        "Call {person}, please.",
        "Call {person} in {town}.",
        "Send a message to {person}.",
        "Send {product} to {person}.",
        "Message for {person}.",
        "The train to {town} is late.",
        "The train to {town} leaves at {time}.",
        "The road to {town} is closed.",
        "Where is {person}?",
        "Is {person} in {town}?",
        "{person} is in {town}.",
        "Order {product}, please.",
        "Order {n} {product}.",
        "Yes, {person} is here.",
    ],
    "de-DE": [
        "Ruf {person} an.",
        "Ruf bitte {person} an.",
        "Nachricht für {person}.",
        "Nachricht an {person} in {town}.",
        "Schick {product} an {person}.",
        "Der Zug nach {town} ist da.",
        "Der Zug nach {town} fährt um {hour} Uhr.",
        "Wann fährt der Zug nach {town}?",
        "Wo ist {person}?",
        "Ist {person} in {town}?",
        "{person} ist in {town}.",
        "Bestell {product}.",
        "Bestell bitte {n} {product}.",
        "Ja, {person} ist da.",
    ],
    "es-ES": [
        "Llama a {person}.",
        "Llama a {person}, por favor.",
        "Mensaje para {person}.",
        "Envía un mensaje a {person}.",
        "Envía {product} a {person}.",
        "El tren a {town} llega tarde.",
        "El tren a {town} sale a las {hour}.",
        "Busca a {person} en {town}.",
        "{person} está en {town}.",
        "Hoy {person} está en {town}.",
        "Compra {product}.",
        "Compra {n} {product}, por favor.",
        "Sí, {person} está aquí.",
    ],
    "fr-FR": [
        "Appelle {person}.",
        "Appelle {person}, merci.",
        "Message pour {person}.",
        "Envoie un message à {person}.",
        "Envoie {product} à {person}.",
        "Le train pour {town} est là.",
        "Le train pour {town} part à {hour} heures.",
        "Où est {person}?",
        "Cherche {person} à {town}.",
        "{person} est à {town}.",
        "Oui, {person} est à {town}.",
        "Commande {product}, merci.",
        "Commande {n} {product}.",
    ],
    "ja-JP": [
        "{person}|に でんわ して ください。",
        "{person}|に めーる|を=お おくって ください。",
        "{person}|は=わ {town}|に います。",
        "{person}|は=わ どこ です|か。",
        "はい、 {person} です。",
        "{town}|いき|の でんしゃ です。",
        "{town}|まで おねがい します。",
        "きょう|は=わ {town}|に いきます。",
        "{product}|を=お ください。",
        "{product}|を=お {n}|こ ください。",
        "{product}|は=わ どこ です|か。",
    ],
}

NameOf = Callable[[str], str]  # from a kind ("first", "last", "town", "product") to a name


def message(language: str, rng: random.Random, invented: float = INVENTED) -> list[GrammarWord]:
    """A message with names of the training set, some of them invented on the spot."""

    def name_of(kind: str) -> str:
        if rng.random() < invented:
            return invent(language, rng)
        return rng.choice(getattr(KNOWN[language], kind))

    return _message(language, rng, rng.choice(TEMPLATES[language]), name_of)


def message_with(language: str, rng: random.Random, kind: str, name: str) -> list[GrammarWord]:
    """A message with this held-out name in a place of its kind, and known names elsewhere."""
    slot = {"first": "person", "last": "person"}.get(kind, kind)
    template = rng.choice([t for t in TEMPLATES[language] if f"{{{slot}}}" in t])
    left = [name]

    def name_of(wanted: str) -> str:
        if wanted == kind and left:
            return left.pop()
        return rng.choice(getattr(KNOWN[language], wanted))

    while True:
        words = _message(language, rng, template, name_of)
        if not left:
            return words


def message_with_any(language: str, rng: random.Random) -> list[GrammarWord]:
    """A message with one of the held-out names."""
    kind = rng.choice(("first", "last", "town", "product"))
    return message_with(language, rng, kind, rng.choice(getattr(HELD_OUT[language], kind)))


def _message(
    language: str, rng: random.Random, template: str, name_of: NameOf
) -> list[GrammarWord]:
    def person(_: random.Random) -> str:
        style = rng.random()
        if language == "ja-JP":
            first = f" {spelled('first')}" if style < 0.3 else ""
            return f"{spelled('last')}{first}|さん"
        if style < 0.35:
            return spelled("first")
        if style < 0.7:
            return f"{spelled('first')} {spelled('last')}"
        return f"{rng.choice(TITLES[language])} {spelled('last')}"

    def spelled(kind: str) -> str:
        return spell_words(name_of(kind), language)

    slots: dict[str, Slot] = {
        **SLOTS[language],
        "person": person,
        "town": lambda _: spelled("town"),
        "product": lambda _: spelled("product"),
    }
    return fill(language, template, slots, rng)


def spell_words(name: str, language: str) -> str:
    """A name as templates write it: `*` before each spelled word, `|` between pieces."""
    if language == "ja-JP":
        return "|".join(spell(name))
    return " ".join("*" + "|".join(spell("▁" + word)).removeprefix("▁") for word in name.split())


def main() -> None:
    rng = random.Random(2)
    for language in LANGUAGES:
        print(language, *(written(message(language, rng)) for _ in range(6)))
        kept: Names = HELD_OUT[language]
        print("   ", *("+".join(spell("▁" + name.replace(" ", "▁"))) for name in kept.all()))


if __name__ == "__main__":
    main()
