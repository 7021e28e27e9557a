"""Criteria → one self-contained CQL 1.5 library per trial (FHIR 4.0.1, FHIRHelpers only); null is unknown."""

from fhirtrial.expressions.cql.criterion import ELIGIBLE, SCREENED, Define, NoCql, cql, through
from fhirtrial.expressions.cql.library import library, tree_hash

__all__ = ["ELIGIBLE", "SCREENED", "Define", "NoCql", "cql", "library", "through", "tree_hash"]
