"""The small world the demo model understands: five languages, numbers, times, days, commands.

Why it exists: a tiny model can only be accurate in a closed domain. Every sentence is written
as *pieces*, so that its tokens are known together with the sound each one stands for.

Run `python grammar.py` to print a few sentences of each language.

How templates are written
    word word        words are separated by spaces (in Japanese only the voice needs them)
    four|teen        a word of two pieces; a leading `|` makes the space a piece of its own
    を=お            a piece that is written one way and spoken another
    {day}            a slot, filled from a list or a number speller
    *An|na           a name, spelled: its pieces share the sound of the whole word by its letters
"""

from __future__ import annotations

import random
import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass

LANGUAGES = ("en-US", "de-DE", "es-ES", "fr-FR", "ja-JP")
SPACE = "▁"
UNKNOWN, BLANK = "<unk>", "<blank>"


@dataclass(frozen=True)
class GrammarWord:
    """One spoken word: what the voice is given, and the tokens it is written with."""

    spoken: str
    tokens: tuple[str, ...]
    prefixes: tuple[str, ...]  # what has been said by the end of each token
    punctuation: str
    spelled: bool = False  # prefixes cannot be spoken: letters have other sounds in the word


# ---------------------------------------------------------------- numbers, spelled as pieces


def listed(words: str) -> list[str]:
    """The words of a text, to keep long lists readable."""
    return words.split()


EN_SMALL = listed(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen "
    "four|teen fifteen six|teen seven|teen eighteen nine|teen"
)
EN_TENS = listed("twenty thirty forty fifty six|ty seven|ty eighty nine|ty")
DE_SMALL = listed("null ein zwei drei vier fünf sechs sieben acht neun zehn elf zwölf")
DE_STEM = {6: "sech", 7: "sieb"}
ES_SMALL = listed(
    "cero uno dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince "
    "dieci|séis dieci|siete dieci|ocho dieci|nueve veinte"
)
ES_UNITS = listed("uno dós trés cuatro cinco séis siete ocho nueve")
FR_SMALL = listed(
    "zéro un deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze "
    "seize dix|-sept dix|-huit dix|-neuf"
)
JA_DIGITS = listed("れい いち に さん よん ご ろく なな はち きゅう")


def english(n: int) -> str:
    if n < 20:
        return EN_SMALL[n]
    tens, units = divmod(n, 10)
    return EN_TENS[tens - 2] + (f" {EN_SMALL[units]}" if units else "")


def german(n: int, counting: bool = True) -> str:
    """German compounds; `counting` tells `eins` from the `ein` of `ein Uhr`."""
    if n <= 12:
        return "|" + DE_SMALL[n] + ("|s" if n == 1 and counting else "")
    tens, units = divmod(n, 10)
    if n < 20:
        return f"|{DE_STEM.get(units, DE_SMALL[units])}|zehn"
    head = f"{DE_SMALL[units]}|und|" if units else ""
    if tens in (2, 3):
        return "|" + head + ("zwanzig" if tens == 2 else "dreißig")
    return f"|{head}{DE_STEM.get(tens, DE_SMALL[tens])}|zig"


def spanish(n: int) -> str:
    if n <= 20:
        return ES_SMALL[n]
    tens, units = divmod(n, 10)
    if n < 30:
        return "veinti|" + ES_UNITS[units - 1]
    return ("treinta", "cuarenta", "cincuenta")[tens - 3] + (
        f" y {ES_SMALL[units]}" if units else ""
    )


def french(n: int) -> str:
    if n < 20:
        return FR_SMALL[n]
    tens, units = divmod(n, 10)
    head = ("vingt", "trente", "quarante", "cinquante")[tens - 2]
    if units == 0:
        return head
    return head + (" et un" if units == 1 else "|-" + FR_SMALL[units])


def japanese(n: int) -> str:
    if n < 10:
        return JA_DIGITS[n]
    tens, units = divmod(n, 10)
    head = f"{JA_DIGITS[tens]}|じゅう" if tens > 1 else "じゅう"
    return head + (f"|{JA_DIGITS[units]}" if units else "")


def japanese_hour(n: int) -> str:
    return {4: "よ", 7: "しち", 9: "く"}.get(n, japanese(n)) + "|じ"


def japanese_month(n: int) -> str:
    return {4: "し", 7: "しち", 9: "く"}.get(n, japanese(n)) + "|がつ"


# ---------------------------------------------------------------- slots and templates

Slot = Callable[[random.Random], str]


def some(words: str) -> Slot:
    """A slot filled with one of the alternatives between the slashes."""
    choices = words.split("/")
    return lambda rng: rng.choice(choices)


def number(spell: Callable[[int], str], low: int, high: int) -> Slot:
    """A slot filled with a spelled number; half of the time one of the irregular first twenty."""
    return lambda rng: spell(rng.randint(low, rng.choice((min(20, high), high))))


def english_time(rng: random.Random) -> str:
    minute = rng.choice([0, 15, 30, 45, rng.randint(10, 59), rng.randint(10, 59)])
    return english(rng.randint(1, 12)) + (f" {english(minute)}" if minute else "")


SLOTS: dict[str, dict[str, Slot]] = {
    "en-US": {
        "switch": some("on/off"),
        "device": some("light/radio"),
        "opening": some("door/window"),
        "thing": some("door/window/light/radio"),
        "colour": some("red/green/blue"),
        "side": some("left/right"),
        "day": some("Mon|day/Tues|day/Wednes|day/Thurs|day/Fri|day/Satur|day/Sun|day"),
        "time": english_time,
        "n": number(english, 1, 99),
    },
    "de-DE": {
        "switch": some("an/aus"),
        "move": some("auf/zu"),
        "device": some("das Licht/das Radio"),
        "opening": some("die Tür/das Fenster"),
        "thing": some("die Tür/das Fenster/das Licht/das Radio"),
        "colour": some("rot/grün/blau"),
        "day": some("Mon|tag/Diens|tag/Mittwoch/Donners|tag/Frei|tag/Sams|tag/Sonn|tag"),
        "hour": number(lambda n: german(n, counting=False), 1, 23),
        "minute": number(german, 1, 59),
        "n": number(german, 1, 99),
    },
    "es-ES": {
        "device": some("la luz/la radio"),
        "opening": some("la puerta/la ventana"),
        "thing": some("luz/radio/puerta/ventana"),
        "colour": some("roja/verde/azul"),
        "side": some("izquierda/derecha"),
        "day": some("lunes/martes/miércoles/jueves/viernes/sábado/domingo"),
        "hour": number(spanish, 2, 12),
        "minute": number(spanish, 1, 59),
        "n": number(spanish, 1, 59),
    },
    "fr-FR": {
        "device": some("la lumière/la radio"),
        "opening": some("la porte/la fenêtre"),
        "thing": some("porte/fenêtre/lumière/radio"),
        "colour": some("rouge/verte/bleue"),
        "side": some("gauche/droite"),
        "day": some("lundi/mardi/mercredi/jeudi/vendredi/samedi/dimanche"),
        "hour": number(french, 2, 20),
        "minute": number(french, 2, 59),
        "n": number(french, 1, 59),
    },
    "ja-JP": {
        "device": some("でんき/おんがく/てれび"),
        "opening": some("まど/どあ"),
        "switch": some("つけて/けして"),
        "move": some("あけて/しめて"),
        "side": some("ひだり/みぎ"),
        "drink": some("おちゃ/みず"),
        "day": some("/".join(f"{d}|ようび" for d in listed("げつ か すい もく きん ど にち"))),
        "hour": number(japanese_hour, 1, 12),
        "month": number(japanese_month, 1, 12),
        "n": number(japanese, 1, 99),
    },
}

TEMPLATES: dict[str, list[str]] = {
    "en-US": [
        "Turn {switch} the {device}.",
        "Turn {switch} the {device}, please.",
        "Open the {opening}.",
        "Open the {opening}, please.",
        "Close the {opening}.",
        "Turn {side}.",
        "Turn {side}, please.",
        "Set the alarm for {time}.",
        "Set the alarm for {day}.",
        "It is {time}.",
        "It is {day}, {time}.",
        "The number is {n}.",
        "Number {n}, please.",
        "Yes, it is {day}.",
        "No, it is {time}.",
        "The {thing} is {colour}.",
        "The {thing} is {colour}, number {n}.",
    ],
    "de-DE": [
        "Mach {device} {switch}.",
        "Mach bitte {device} {switch}.",
        "Mach {opening} {move}.",
        "Mach bitte {opening} {move}.",
        "Wo ist {thing}?",
        "Nein, {thing} ist {colour}.",
        "Ja, {thing} ist {colour}.",
        "Es ist {hour} Uhr.",
        "Es ist {hour} Uhr {minute}.",
        "Ja, es ist {hour} Uhr {minute}.",
        "Heute ist {day}.",
        "Heute ist {day}, es ist {hour} Uhr.",
        "Nummer {n}, bitte.",
        "Die Nummer ist {n}.",
    ],
    "es-ES": [
        "Enciende {device}.",
        "Apaga {device}.",
        "Enciende {device}, por favor.",
        "Apaga {device}, por favor.",
        "Abre {opening}.",
        "Cierra {opening}, por favor.",
        "Son las {hour}.",
        "Son las {hour} y {minute}.",
        "No, son las {hour} y {minute}.",
        "Hoy es {day}.",
        "Sí, hoy es {day}.",
        "Hoy es {day}, son las {hour}.",
        "El número es {n}.",
        "Número {n}, por favor.",
        "La {thing} es {colour}.",
        "Gira a la {side}.",
    ],
    "fr-FR": [
        "Allume {device}.",
        "Éteins {device}.",
        "Allume {device}, merci.",
        "Éteins {device}, merci.",
        "Ouvre {opening}.",
        "Ferme {opening}, merci.",
        "Il est {hour} heures.",
        "Il est {hour} heures {minute}.",
        "Oui, il est {hour} heures {minute}.",
        "C'est {day}.",
        "Non, c'est {day}.",
        "C'est {day}, il est {hour} heures.",
        "Le numéro est {n}.",
        "Numéro {n}, merci.",
        "La {thing} est {colour}.",
        "Tourne à {side}.",
    ],
    "ja-JP": [
        "{device}|を=お {switch} ください。",
        "{opening}|を=お {move} ください。",
        "{side}|に まがって ください。",
        "いま {hour} です。",
        "いま {hour} はん です。",
        "{n} です。",
        "ばんごう|は=わ {n} です。",
        "{n}|えん です。",
        "きょう|は=わ {day} です。",
        "きょう|は=わ {month} {day} です。",
        "きょう|は=わ {day}、 {hour} です。",
        "はい、 {n} です。",
        "いいえ、 {day} です。",
        "{drink}|を=お ください。",
    ],
}


# ---------------------------------------------------------------- sentences


def _word(written: str, latin: bool, first: bool) -> GrammarWord:
    star, core, punctuation = re.fullmatch(r"(\*?)(.*?)([.,?。、]?)", written).groups()
    pieces = [(p.split("=") * 2)[:2] for p in core.split("|")]
    tokens = [shown for shown, _ in pieces]
    spoken = [said for _, said in pieces]
    if latin:
        tokens[0] = SPACE + tokens[0]
    elif first:  # Japanese has no spaces inside a sentence, only one before it
        tokens.insert(0, SPACE)
        spoken.insert(0, "")
    prefixes = ["".join(spoken[: i + 1]) for i in range(len(spoken))]
    if prefixes[0] == "":  # a lone space is emitted with the piece it stands before
        prefixes[0] = prefixes[1]
    return GrammarWord(prefixes[-1], tuple(tokens), tuple(prefixes), punctuation, bool(star))


def sentence(language: str, rng: random.Random) -> list[GrammarWord]:
    """Draw a sentence of the language as words."""
    return fill(language, rng.choice(TEMPLATES[language]), SLOTS[language], rng)


def fill(
    language: str, template: str, slots: dict[str, Slot], rng: random.Random
) -> list[GrammarWord]:
    """The words of a template, its slots filled at random."""
    written = re.sub(r"\{(\w+)\}", lambda m: slots[m[1]](rng), template)
    latin = language != "ja-JP"
    return [_word(w, latin, i == 0) for i, w in enumerate(written.split(" "))]


def written(words: list[GrammarWord]) -> str:
    """The text a reader sees."""
    joined = "".join("".join(w.tokens) + w.punctuation for w in words)
    return joined.replace(SPACE, " ").strip()


def held_out(text: str) -> bool:
    """Every tenth sentence, by hash, is kept away from training."""
    return zlib.crc32(text.encode()) % 10 == 0


def main() -> None:
    rng = random.Random(2)
    for language in LANGUAGES:
        texts = [written(sentence(language, rng)) for _ in range(6000)]
        print(language, len(set(texts)), "distinct of 6000;", *texts[:6])


if __name__ == "__main__":
    main()
