"""When the audit of dependencies fails: for a vulnerability, and not for a service out of reach."""

from scripts.check_dependencies import judge

SAFE = {"name": "numpy", "version": "2.4.6", "vulns": []}
BAD = {
    "name": "pyyaml",
    "version": "5.3",
    "vulns": [{"id": "PYSEC-2021-142", "fix_versions": ["5.4"]}],
}
UNKNOWN = {"name": "onnx", "skip_reason": "Dependency not found on PyPI"}


def test_a_vulnerability_fails(capsys):
    assert judge([SAFE, BAD, UNKNOWN], 3, "Found 1 known vulnerability") == 1
    assert capsys.readouterr().out == "pyyaml 5.3: PYSEC-2021-142, fixed in 5.4\n"


def test_what_was_audited_is_counted(capsys):
    assert judge([SAFE, UNKNOWN], 3, "") == 0
    assert "1 of 3 packages audited: no known vulnerabilities" in capsys.readouterr().out


def test_no_answer_is_not_called_safe(capsys):
    assert judge([], 3, "Traceback\nConnectionError: no route") == 0
    assert judge([UNKNOWN, UNKNOWN], 3, "No known vulnerabilities found") == 0
    printed = capsys.readouterr().out
    assert printed.count("NOT AUDITED") == 2
    assert "ConnectionError: no route" in printed
    assert "Dependency not found on PyPI" in printed
    assert "no known" not in printed
