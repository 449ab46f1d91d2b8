"""What the router says of its choice, as headers."""

from __future__ import annotations

from serve_app.service.answer import Answer

LONGEST_REASON = 600

RawHeader = tuple[bytes, bytes]


def answer_headers(answer: Answer, replica: str) -> list[RawHeader]:
    """Headers of one answer; those about a prediction only where one was made."""
    said = {
        "pair": answer.pair,
        "decision": answer.decision.id,
        "reason": answer.reason[:LONGEST_REASON],
        "overhead-ms": f"{answer.overhead_ms:.3f}",
        "replica": replica,
    }
    if answer.candidate is not None and answer.candidate.prediction is not None:
        prediction = answer.candidate.prediction
        said["predicted-ms"] = f"{prediction.total_ms:.1f}"
        said["predicted-cost-usd"] = f"{prediction.cost_usd:.9f}"
    if answer.infeasible:
        said["infeasible"] = ",".join(answer.infeasible)
    return [(b"x-quantroute-" + name.encode(), _one_line(value)) for name, value in said.items()]


def _one_line(text: str) -> bytes:
    """ASCII, since clients disagree on what other bytes in a header mean."""
    printable = "".join(char if char.isprintable() else " " for char in text)
    return printable.encode("ascii", errors="replace")
