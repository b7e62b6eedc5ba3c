"""Select: which backbone is to be tuned on this data?"""

from semtune.select.build import Selection, select
from semtune.select.catalogue import Entry, catalogue, entry_of
from semtune.select.settings import Limits, SelectSettings

__all__ = ["Entry", "Limits", "SelectSettings", "Selection", "catalogue", "entry_of", "select"]
