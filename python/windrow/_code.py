"""The code of a program: its own file, and the modules of its folder. Installed packages have versions instead."""

from __future__ import annotations

import ast
import os
import sys
import sysconfig
from typing import Dict, Iterator, Optional


def own_code() -> Dict[str, str]:
    """Returns the files of code by module: that of the program, and those in its folder.

    A module that only a function imports, such as `fit`, is not in memory yet. Each `import` statement in the files is
    followed for this reason. A name that is computed is not found (`importlib.import_module`).
    """
    script = getattr(sys.modules.get("__main__"), "__file__", None)
    if script is None or not os.path.isfile(script):
        return {}
    folder = os.path.dirname(os.path.realpath(script))
    found = {"__main__": script}
    for name, module in list(sys.modules.items()):
        path = os.path.realpath(getattr(module, "__file__", None) or os.devnull)
        if name != "__mp_main__" and _is_own(path, folder):
            found.setdefault(name, path)
    waiting = list(found.items())
    while waiting:
        for imported in _imports(*waiting.pop()):
            path = None if imported in found else _find(imported)
            if path is not None and _is_own(path, folder):
                found[imported] = path
                waiting.append((imported, path))
    return found


def _is_own(path: str, folder: str) -> bool:
    """Returns whether a file is in the folder of the program, and neither of Python, an installed package nor this one."""
    inside = os.path.relpath(path, folder).split(os.sep) if path.startswith(folder + os.sep) else []
    # Python itself may be in the folder, too.
    library = os.path.realpath(sysconfig.get_paths()["stdlib"]) + os.sep
    is_installed = not inside or path.startswith(library) or {"site-packages", "dist-packages"}.intersection(inside)
    package = os.path.dirname(os.path.realpath(__file__))
    return not is_installed and os.path.dirname(path) != package and os.path.isfile(path)


def _imports(name: str, path: str) -> Iterator[str]:
    """Yields the names that a module imports, each with the packages around it. Some names are not of modules."""
    try:
        with open(path, "rb") as file:
            tree = ast.parse(file.read())
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        # A library in machine code, or a file that cannot be imported either.
        return
    if name == "__main__":
        # A program that is started with `python -m` can be in a package.
        package = getattr(sys.modules["__main__"], "__package__", None) or ""
    else:
        package = name if os.path.basename(path) == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(node.module or "", node.level, package)
            modules = [f"{base}.{alias.name}" for alias in node.names] if base else []
        else:
            continue
        for module in modules:
            parts = module.split(".")
            yield from (".".join(parts[: end + 1]) for end in range(len(parts)))


def _absolute(module: str, level: int, package: str) -> str:
    """Returns the full name of what `from ...module import` names; an empty text if there is none."""
    if level == 0:
        return module
    around = package.split(".") if package else []
    kept = around[: len(around) - level + 1] if level <= len(around) else []
    return ".".join([*kept, module] if module else kept) if kept else ""


def _find(name: str) -> Optional[str]:
    """Returns the file of a module as Python would find it, without an import; `None` if there is none in Python."""
    if name in sys.builtin_module_names:
        return None
    for entry in sys.path:
        base = os.path.join(entry or os.getcwd(), *name.split("."))
        for path in (os.path.join(base, "__init__.py"), base + ".py"):
            if os.path.isfile(path):
                return os.path.realpath(path)
    return None
