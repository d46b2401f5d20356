"""Lines about the progress of files, as text."""


def format_progress(name: str, done: float, duration: float | None, elapsed: float) -> str:
    """Return a file's sound done and in all, its speed as a multiple of real time, its name."""
    whole = f" / {format_duration(duration)}" if duration else ""
    speed = f"  {done / elapsed:.1f}x" if elapsed > 0 else ""
    return f"{format_duration(done)}{whole}{speed}  {name}"


def format_duration(seconds: float) -> str:
    """Return seconds as minutes or hours: `1:05`, `2:00:00`."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def format_total(done: float, total: float | None, elapsed: float, ended: int, count: int) -> str:
    """Return the sound done and in all, the speed, the time left, and the number of files."""
    speed = done / elapsed if elapsed > 0 else 0.0
    parts = [format_duration(done) + (f" / {format_duration(total)}" if total else "")]
    if speed:
        parts.append(f"{speed:.1f}x")
    if speed and total:
        parts.append(f"{format_duration(max(0.0, total - done) / speed)} left")
    return "  ".join([*parts, f"{ended} of {count} {'file' if count == 1 else 'files'}"])
