"""The search for the command, its version, and `python -m windrow`."""

import os
import stat
import subprocess
import sys

import pytest
from windrow import WindrowError, __main__, _binary


@pytest.fixture
def places(monkeypatch, tmp_path):
    """Lets the search look into empty folders. Returns a function that puts a command of some version there."""
    paths = [str(tmp_path / place / "windrow") for place in ("scripts", "user", "target")]
    monkeypatch.setattr(_binary, "_folders_of_scripts", lambda: iter(paths))
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    monkeypatch.setattr(_binary, "package_version", lambda: "0.1.0")
    _binary._check_version.cache_clear()

    def put(place, version="0.1.0", code=0):
        path = tmp_path / place / "windrow"
        path.parent.mkdir()
        path.write_text(f"#!/bin/sh\necho windrow {version}\necho revision: 1\necho arguments: $*\nexit {code}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return str(path)

    return put


@pytest.mark.skipif(os.name == "nt", reason="needs a shell script as a command")
class TestSearch:
    def test_the_folder_of_scripts_comes_first_and_the_path_last(self, places):
        expected = []
        for place in ("path", "target", "user", "scripts"):
            expected.append(places(place))
            assert _binary.find_binary() == expected[-1]

    def test_no_command_names_the_places(self, places, tmp_path):
        with pytest.raises(WindrowError) as error:
            _binary.find_binary()
        assert str(tmp_path / "scripts") in str(error.value) and "pip install" in str(error.value)

    def test_a_command_of_another_version_is_refused(self, places):
        places("scripts", "0.0.9")
        with pytest.raises(WindrowError, match="is windrow 0.0.9, but the Python package is windrow 0.1.0"):
            _binary.find_binary()

    def test_a_command_of_another_version_does_not_hide_the_right_one(self, places):
        places("scripts", "0.0.9")
        right = places("target")
        assert _binary.find_binary() == right

    def test_the_first_command_of_another_version_is_named(self, places):
        first = places("user", "0.0.9")
        places("path", "0.0.8")
        with pytest.raises(WindrowError, match=f"^{first} is windrow 0.0.9"):
            _binary.find_binary()

    def test_a_failing_command_gives_its_own_text(self, places):
        places("scripts", code=0)
        assert _binary.run(["judge", "a.csv"])[0].endswith("arguments: judge a.csv\n")
        path = _binary.find_binary()
        with open(path, "w") as file:
            file.write("#!/bin/sh\necho 'row 7: y is 2' >&2\nexit 1\n")
        with pytest.raises(WindrowError, match="^row 7: y is 2$"):
            _binary.run(["judge", "a.csv"])

    def test_the_module_becomes_the_command(self, places, monkeypatch):
        path, called = places("scripts"), []
        monkeypatch.setattr(os, "execv", lambda *arguments: called.append(arguments))
        monkeypatch.setattr(sys, "argv", ["windrow", "judge", "--json"])
        monkeypatch.setattr(subprocess, "run", lambda *_, **__: subprocess.CompletedProcess([], 0, b"windrow 0.1.0\n"))
        __main__.main()
        assert called == [(path, [path, "judge", "--json"])]


@pytest.mark.parametrize(
    ("cargo", "pip"), [("1.2.0", "1.2.0"), ("1.2.0-beta.3", "1.2.0b3"), ("1.2.0-rc.1", "1.2.0rc1")]
)
def test_versions_of_cargo_and_pip_are_compared(cargo, pip):
    assert _binary._release(cargo) == _binary._release(pip)


def test_the_places_include_those_of_this_python():
    places = list(_binary._folders_of_scripts())
    assert os.path.dirname(sys.executable) in [os.path.dirname(place) for place in places]
    package = os.path.dirname(os.path.abspath(_binary.__file__))
    assert os.path.join(os.path.dirname(package), "bin") in [os.path.dirname(place) for place in places]
