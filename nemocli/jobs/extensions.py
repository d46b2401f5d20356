"""Extensions of the files that folders and patterns are searched for."""

from nemocli.errors import UsageError

#: Extensions that folders and patterns are searched for: sound and video that the decoders read,
#: but not raw samples, whose rate is unknown, and not extensions that mostly mean other files.
EXTENSIONS = (
    # Common formats.
    *("3g2", "3gp", "3gpp", "aac", "ac3", "adts", "aif", "aifc", "aiff", "amr", "ape", "asf"),
    *("au", "avi", "awb", "bwf", "caf", "divx", "dts", "eac3", "ec3", "evo", "f4a", "f4v", "flac"),
    *("flv", "m1a", "m2a", "m2p", "m2t", "m2ts", "m4a", "m4b", "m4p", "m4r", "m4v", "mk3d"),
    *("mka", "mkv", "mod", "mov", "mp1", "mp2", "mp3", "mp4", "mp4a", "mpa", "mpc", "mpe", "mpeg"),
    *("mpg", "mpga", "mts", "mxf", "oga", "ogg", "ogm", "ogv", "ogx", "opus", "qt", "ra"),
    *("rf64", "rm", "rmvb", "snd", "spx", "tod", "tp", "trp", "ts", "tta", "vob", "w64", "wav"),
    *("wave", "weba", "webm", "wma", "wmv", "wtv", "wv"),
    # Telephones, dictation, cameras, broadcast, discs, speech research.
    *("722", "aa3", "ac4", "dff", "dif", "dsf", "dss", "dtshd", "dv", "dvd", "dvr-ms", "g722"),
    *(
        "g723_1",
        "g729",
        "gsm",
        "gxf",
        "htk",
        "isma",
        "ismv",
        "k3g",
        "latm",
        "lbc",
        "lc3",
        "loas",
        "mlp",
    ),
    *("nist", "nut", "oma", "omg", "qcp", "sln", "sph", "thd", "vro"),
    # Formats of the past, of games and of instruments.
    *("8svx", "amv", "avr", "fap", "ircam", "mat4", "osq", "paf", "psp", "pvf", "qoa", "sf"),
    *("shn", "sox", "svx", "tak", "voc", "vqe", "vqf", "vql", "wsd", "wve", "xwma"),
)

#: Extensions of these that source code, notes and signatures have too: text files are skipped.
ALSO_TEXT = frozenset(("ts", "mts", "mod", "sf"))

#: Stands for every file, whatever its extension.
ANY = "*"


def parse_extensions(text: str) -> tuple[str, ...]:
    """Read `wav,mp3` or `.wav .mp3` as ("wav", "mp3"); UsageError if none is named."""
    extensions = tuple(part.lower().lstrip(".") for part in text.replace(",", " ").split())
    if not extensions or not all(extensions):
        raise UsageError("--extensions takes names such as wav,mp3, or '*' for every file.")
    return extensions
