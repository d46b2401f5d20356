"""docs/python.md and the README: each example is run, and prints what stands below it."""

import contextlib
import inspect
import io
import re
import shutil

import pytest

import nemocli
from scripts.make_docs import ROOT

PAGE = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
PAGES = PAGE + (ROOT / "README.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```python\n(.*?)```\n\n```text\n(.*?)```", PAGES, re.DOTALL)


def test_no_example_is_passed_over():
    assert len(EXAMPLES) == PAGES.count("```python") == PAGES.count("```text")


@pytest.mark.parametrize(("code", "printed"), EXAMPLES, ids=range(len(EXAMPLES)))
def test_an_example_prints_what_stands_below_it(code, printed, clips, tmp_path, monkeypatch):
    (tmp_path / "assets").symlink_to(ROOT / "assets")  # the README's is run in the repository
    shutil.copy(clips[0].path, tmp_path / "talk.flac")
    shutil.copy(clips[0].path.with_name("all-languages.flac"), tmp_path)
    monkeypatch.chdir(tmp_path)
    with contextlib.redirect_stdout(io.StringIO()) as stdout:
        exec(compile(code, "example", "exec"), {"__name__": "example"})
    lines = sorted(stdout.getvalue().splitlines())  # files may be finished in another order
    assert lines == sorted(printed.splitlines())


def test_the_tables_name_what_there_is():
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", PAGE, re.MULTILINE))
    names = {name for name in nemocli.__all__ if not name.startswith("_")}
    public = {name for name in names if isinstance(getattr(nemocli, name), type)}
    assert all(f"`{name}" in PAGE for name in names)
    assert public == set(rows)
    for name, members in rows.items():
        described = getattr(nemocli, name)
        for member in re.findall(r"`(\w+)`", members):
            of_instances = f"self.{member}" in inspect.getsource(described)
            assert hasattr(described, member) or of_instances, f"{name} has no {member}"


def public_functions():
    """Every function and method of the public interface, by its name in Python."""
    for name in nemocli.__all__:
        public = getattr(nemocli, name)
        if inspect.isclass(public):
            for member, method in vars(public).items():
                if inspect.isfunction(method) and not member.startswith("_"):
                    yield f"{name}.{member}", method
        elif inspect.isfunction(public):
            yield name, public


@pytest.mark.parametrize(("name", "function"), list(public_functions()))
def test_a_docstring_explains_every_parameter(name, function):
    names = [name for name in inspect.signature(function).parameters if name != "self"]
    assert not [name for name in names if name not in function.__doc__]
