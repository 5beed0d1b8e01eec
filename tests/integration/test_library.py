"""The C library as somebody else's program meets it: installed, found through pkg-config, compiled with their compiler, run."""
import os
import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def installed(program, tmp_path_factory):
    """The build installed into a folder of its own; the environment that finds it there."""
    root = tmp_path_factory.mktemp("installed")
    subprocess.run(["meson", "install", "--no-rebuild", "-C", program.parent, "--destdir", root], check=True, capture_output=True)
    [pc] = root.rglob("onhand.pc")
    env = {
        **os.environ,
        "PKG_CONFIG_PATH": str(pc.parent),
        "PKG_CONFIG_SYSROOT_DIR": str(root),
        "LD_LIBRARY_PATH": str(pc.parent.parent),
    }
    return root, env


def flags(env):
    out = subprocess.run(["pkg-config", "--cflags", "--libs", "onhand"], check=True, capture_output=True, text=True, env=env)
    return out.stdout.split()


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_the_example_runs_against_the_installed_library(installed, tmp_path, compiler):
    _, env = installed
    if "sanitize" in env.get("ONHAND_BUILD_OPTIONS", ""):
        pytest.skip("a library with sanitizers wants a program with them")
    example = tmp_path / "example"
    subprocess.run(
        [compiler, "-Wall", "-Wextra", "-Werror", "-std=c11", ROOT / "include/onhand/example.c", "-o", example, *flags(env)], check=True, env=env
    )
    for _ in range(2):  # the second run finds what the first left: the same events are duplicates
        out = subprocess.run([example, tmp_path / "data"], check=True, capture_output=True, text=True, env=env, timeout=60)
        assert out.stdout == "on hand 10, available 7\n"


def test_the_header_is_c_and_cplusplus(installed, tmp_path):
    root, env = installed
    [header] = root.rglob("onhand/onhand.h")
    for language, standard in [("c", "c99"), ("c", "c17"), ("c++", "c++17")]:
        subprocess.run(
            ["clang", "-x", language, f"-std={standard}", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only", header], check=True, env=env
        )


def test_only_the_public_names_are_exported(installed):
    root, env = installed
    [library] = [p for p in root.rglob("libonhand.so.*") if not p.is_symlink()]
    out = subprocess.run(["nm", "-D", "--defined-only", library], check=True, capture_output=True, text=True)
    names = [line.split()[-1] for line in out.stdout.splitlines()]
    assert names and all(name.startswith("onhand_") for name in names), names
