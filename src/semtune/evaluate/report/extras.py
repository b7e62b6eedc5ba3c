"""Old names of `semtune.evaluate.report.further_results`, until the callers use the new ones."""

from semtune.evaluate.report.further_results import READ, Cost, asked_texts, charts, costs, read_texts
from semtune.evaluate.report.further_results import FurtherResults as Extras

__all__ = ["READ", "Cost", "Extras", "asked_texts", "charts", "costs", "read_texts"]
