"""The answer: the text of the command, its numbers, and its pictures for a notebook."""

from __future__ import annotations

import base64
import html as markup
import re
from typing import Any, Dict, List, Optional

_SVG = re.compile(r"<svg\b.*?</svg>", re.DOTALL)
_STYLE = re.compile(r"<style>(.*?)</style>", re.DOTALL)
_TITLE = re.compile(r"<title>(.*?)</title>", re.DOTALL)
_XMLNS = 'xmlns="http://www.w3.org/2000/svg"'


class Answer:
    """How often to retrain, and on how much history, with the evidence.

    ``print(answer)`` prints the text. In a notebook, the answer is shown with its pictures.
    """

    def __init__(self, text: str, json: Dict[str, Any], html: Optional[str] = None, notes: str = "") -> None:
        self.text = text
        """The answer as `windrow judge` prints it."""
        self.json = json
        """The numbers of the answer, as `windrow judge --json` prints them."""
        self.html = html
        """The report: a whole page with the answer, its pictures and its tables. Write it to a file to share it."""
        self.notes = notes
        """What the command reported about the table, such as clipped probabilities: one sentence per line."""

    @property
    def _advice(self) -> Dict[str, Any]:
        # A report has the advice next to its origin.
        return self.json.get("advice", self.json)

    @property
    def sentences(self) -> List[str]:
        """The sentences of the recommendation, the answer first."""
        return list(self._advice["recommendation"]["sentences"])

    @property
    def policies(self) -> Any:
        """The schedules that were compared, the best first: a DataFrame, or a list of dicts without pandas."""
        named = (self._advice["recommendation"].get("named") or {}).get("policy")
        comparison = self._advice["comparison"]
        rows = [_row(found, named) for found in comparison["planned"] + comparison["further"]]
        try:
            import pandas
        except ImportError:
            return rows
        return pandas.DataFrame(rows, columns=list(_row(_NOTHING, None)))

    def __repr__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        """Returns the sentences, the pictures and the table for a notebook."""
        first, *others = [markup.escape(sentence) for sentence in self.sentences] or [""]
        lines = "".join(f"<div>{sentence}</div>" for sentence in others)
        pictures = "".join(_picture(svg, self.html or "") for svg in _SVG.findall(self.html or ""))
        return (
            f'<div><div style="font-weight:600;font-size:1.15em">{first}</div>{lines}'
            f'<div style="display:flex;flex-wrap:wrap;gap:12px;margin:12px 0">{pictures}</div>'
            f"<details><summary>The schedules</summary><pre>{markup.escape(self.text)}</pre></details></div>"
        )


_NOTHING: Dict[str, Any] = {
    "policy": {"history": "cumulative", "refit": {"kind": "never"}},
    "errors": {},
    "kept": {},
    "effort": {},
    "verdict": None,
}


def _row(found: Dict[str, Any], named: Optional[Dict[str, Any]]) -> Dict[str, Any]:
    """Returns the row of one schedule."""
    policy, kept, effort, errors = (found[key] for key in ("policy", "kept", "effort", "errors"))
    interval = kept.get("interval") or {}
    return {
        "history": _history(policy["history"]),
        "refit": policy["refit"]["kind"],
        "every": policy["refit"].get("windows"),
        "keeps": kept.get("share"),
        "low": interval.get("low"),
        "high": interval.get("high"),
        "at_least": kept.get("at_least"),
        "log_loss": errors.get("log_loss"),
        "brier": errors.get("brier"),
        "fits_per_window": effort.get("fits_per_window"),
        "fits_per_year": effort.get("fits_per_year"),
        "verdict": found["verdict"],
        "is_recommended": named is not None and named in [policy, *found.get("same", [])],
    }


def _history(scheme: str) -> str:
    """Returns a history as the table of predictions has it: `all`, or a number of windows."""
    if scheme == "cumulative":
        return "all"
    return "1" if scheme == "window" else re.sub(r"^sliding\s*=?\s*", "", scheme)


def _picture(svg: str, page: str) -> str:
    """Returns a picture of the report as an image with its own style, so that the styles of the notebook and of the
    picture do not touch each other."""
    style = "".join(_STYLE.findall(page))
    begin, rest = svg.split(">", 1)
    begin = begin if "xmlns=" in begin else begin.replace("<svg", f"<svg {_XMLNS}", 1)
    own = f"{begin}><style>{style}</style>{rest}"
    title = _TITLE.search(svg)
    data = base64.b64encode(own.encode("utf-8")).decode("ascii")
    # The title is escaped already.
    return (
        f'<img alt="{title.group(1) if title else ""}" style="flex:1 1 320px;max-width:460px" '
        f'src="data:image/svg+xml;base64,{data}">'
    )
