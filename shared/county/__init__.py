"""The county directory: who answers for what, where, by when. Read once at start and never changed."""

from shared.county.flaws import CountyError
from shared.county.load import load
from shared.county.model import County

__all__ = ["County", "CountyError", "load"]
