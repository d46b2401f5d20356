#!/usr/bin/env python
"""Show what is said into the microphone in a window that stays above the others."""

import argparse
import queue
import textwrap
import threading
import tkinter

import sounddevice

import nemocli

COLUMNS, LINES = 48, 2


def text_of(words):
    return "".join(" " * word.space_before + word.text for word in words)


def transcribe(session, microphone, captions):
    final = ""
    while True:
        block, overflowed = microphone.read(1600)
        update = session.feed(block[:, 0])
        final += " […]" * overflowed + text_of(update.final)  # sound was lost
        for line in textwrap.wrap(final.strip(), COLUMNS)[:-LINES]:  # these have scrolled away
            final = final.strip()[len(line) :]
        text = final + text_of(update.growing)
        captions.put(textwrap.wrap(text.strip(), COLUMNS)[-LINES:])


def show(captions):
    window = tkinter.Tk(className="nemocli")
    window.attributes("-topmost", True)
    label = tkinter.Label(window, height=LINES, width=COLUMNS, anchor="sw", justify="left")
    label.config(font=("Helvetica", 24), foreground="white", background="black", padx=12, pady=8)
    label.pack(fill="both", expand=True)

    def refresh():
        while not captions.empty():
            label.config(text="\n".join(captions.get()))
        window.after(50, refresh)

    refresh()
    window.mainloop()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", help="the released one by default")
    parser.add_argument("--lang", default="auto")
    options = parser.parse_args()
    session = nemocli.load(options.model).session(options.lang, keep_transcript=False)
    captions = queue.SimpleQueue()
    with sounddevice.InputStream(16000, channels=1, dtype="float32") as microphone:
        parts = (session, microphone, captions)
        threading.Thread(target=transcribe, args=parts, daemon=True).start()
        show(captions)
