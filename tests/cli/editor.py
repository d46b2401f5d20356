"""A window with a text field that has the focus; what is in it goes into a file.

    python editor.py FILE

The first line on stdout has the number of the window, and of another one that is not shown.
"""

import sys
import tkinter
from pathlib import Path

#: Milliseconds between two looks at the text.
INTERVAL_MS = 50


def main():
    path = Path(sys.argv[1])
    window = tkinter.Tk()
    other = tkinter.Toplevel(window)
    other.withdraw()
    field = tkinter.Text(window)
    field.pack()
    field.focus_force()

    def save():
        text = field.get("1.0", "end-1c")
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            part = path.with_suffix(".part")
            part.write_text(text, encoding="utf-8")
            part.replace(path)
        window.after(INTERVAL_MS, save)

    save()
    window.update()
    print(window.winfo_id(), other.winfo_id(), flush=True)
    window.mainloop()


main()
