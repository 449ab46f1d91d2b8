"""How resolutions for several Pythons become pinned files, and when the check fails."""

from __future__ import annotations

from pathlib import Path

from check import pinned_for, problems
from pin import is_cuda, merged
from resolve import MAIN, find_pythons, name_of, of_earlier_patches, portable


def test_a_version_for_all_pythons_has_no_marker() -> None:
    assert merged({"3.11": {"six": "1.17"}, "3.12": {"six": "1.17"}}) == ["six==1.17"]


def test_versions_that_differ_name_their_pythons() -> None:
    by_python = {"3.11": {"numpy": "2.3"}, "3.12": {"numpy": "2.4"}, "3.13": {"numpy": "2.4"}}
    assert merged(by_python) == [
        'numpy==2.3 ; python_version == "3.11"',
        'numpy==2.4 ; python_version == "3.12" or python_version == "3.13"',
    ]


def test_a_package_for_one_python_alone_names_it() -> None:
    assert merged({"3.11": {"tomli": "2.0"}, "3.12": {}}) == [
        'tomli==2.0 ; python_version == "3.11"'
    ]


def test_pins_are_read_back_for_each_python(tmp_path: Path) -> None:
    file = tmp_path / "constraints.txt"
    by_python = {"3.11": {"numpy": "2.3", "six": "1"}, "3.12": {"numpy": "2.4", "six": "1"}}
    file.write_text("# made\n" + "\n".join(merged(by_python)))
    assert {python: pinned_for(python, (file,)) for python in by_python} == by_python


def test_a_required_package_that_no_file_pins_is_a_problem() -> None:
    found = {"six": "1", "new-package": "0.1", "triton": "3.7.1"}
    assert problems(found, {"six": "1"}, MAIN) == ["new-package 0.1 is required but not pinned"]


def test_what_an_earlier_patch_release_alone_requires_is_asked_for_too() -> None:
    requires = [
        'async-timeout>=4.0.3; python_full_version < "3.11.3"',
        "backport>=1 ; python_full_version <= '3.12.1'",
        'hiredis>=3; extra == "hiredis" and python_full_version < "3.11.3"',
        "six",
    ]
    redis = {"metadata": {"name": "redis", "version": "8.1.0", "requires_dist": requires}}
    plain = {"metadata": {"name": "six", "version": "1.17"}}
    assert of_earlier_patches([redis, plain], "3.11") == ["async-timeout>=4.0.3"]
    assert of_earlier_patches([redis, plain], "3.12") == ["backport>=1"]
    assert of_earlier_patches([redis, plain], "3.13") == []


def test_local_builds_are_not_pinned() -> None:
    assert portable("torch==2.13.0+cpu; platform_machine == 'x86_64'") == (
        "torch==2.13.0; platform_machine == 'x86_64'"
    )


def test_names_compare_as_indexes_compare_them() -> None:
    assert name_of("Typing_Extensions>=4.10") == name_of("typing-extensions==4.16.0")


def test_the_management_library_is_no_cuda_library() -> None:
    assert is_cuda("nvidia-cublas")
    assert not is_cuda("nvidia-ml-py")


def test_the_python_that_runs_this_is_found() -> None:
    assert find_pythons()
