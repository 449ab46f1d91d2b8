"""How every request ended: its outcome, its times, its cost, emitted once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from serve_app.core.cost import NO_USAGE
from serve_app.core.errors import (
    AnswerOverdue,
    DeadlineExceeded,
    EngineRejected,
    Overloaded,
    RequestError,
)
from serve_app.core.events import Answered, Outcome
from serve_app.core.ports import Clock, Events
from serve_app.gateway.answer import Answer, ClientDisconnected
from serve_app.state.ledger import Charge, Ledger

NOTHING_SPENT = Charge(pair="", usage=NO_USAGE, cost_usd=0.0, baseline_usd=0.0)


@dataclass(frozen=True, slots=True)
class Accounting:
    """Charges the ledger and emits one `Answered` for every request."""

    ledger: Ledger
    clock: Clock
    events: Events

    @contextmanager
    def record(self, answer: Answer) -> Iterator[None]:
        """Times a block that gives `answer`, and books how it ends.

        The time that routing took belongs to the request.
        """
        began_s = self.clock.now() - answer.overhead_ms / 1e3
        outcome: Outcome = "failed"
        try:
            yield
            if answer.failure is None:
                outcome = "ok"
            elif isinstance(answer.failure, AnswerOverdue):
                outcome = "deadline"
        except (asyncio.CancelledError, GeneratorExit, ClientDisconnected):
            outcome = "disconnected"
            raise
        except (RequestError, EngineRejected):
            outcome = "rejected"
            raise
        except Overloaded:
            outcome = "overloaded"
            raise
        except DeadlineExceeded:
            outcome = "deadline"
            raise
        finally:
            self.events.emit(self._ended(answer, outcome, began_s))

    def _ended(self, answer: Answer, outcome: Outcome, began_s: float) -> Answered:
        prediction = answer.candidate.prediction if answer.candidate is not None else None
        charge, predicted_usd, predicted_prompt = NOTHING_SPENT, None, None
        if answer.pair:
            # An answer that was cut short has no usage to compare with the prediction.
            if prediction is not None and answer.usage != NO_USAGE:
                predicted_usd = prediction.cost_usd
                predicted_prompt = prediction.prompt_tokens * answer.request.prompts
            charge = self.ledger.charge(
                answer.pair,
                answer.usage,
                answer.catalog,
                predicted_usd,
                uncounted=answer.uncounted,
            )
        first_token_s = answer.first_token_s
        return Answered(
            pair=charge.pair,
            outcome=outcome,
            ttft_ms=None if first_token_s is None else (first_token_s - began_s) * 1e3,
            total_ms=(self.clock.now() - began_s) * 1e3,
            prompt_tokens=charge.usage.prompt_tokens,
            predicted_prompt_tokens=predicted_prompt,
            completion_tokens=charge.usage.completion_tokens,
            predicted_ms=prediction.total_ms if prediction is not None else None,
            cost_usd=charge.cost_usd,
            predicted_cost_usd=charge.predicted_usd,
            baseline_cost_usd=charge.baseline_usd,
            uncounted_cost_usd=charge.uncounted_usd,
            prompts=answer.request.prompts,
            sequences=answer.request.sequences,
        )
