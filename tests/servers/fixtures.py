"""The outside programs as fixtures: a test asks for one by name, and skips with the reason where it cannot run."""

from collections.abc import Callable, Iterator, Sequence

import pytest

from . import cql_engine, fhirpath_engine, hapi_server
from .requirement import need


@pytest.fixture(scope="session")
def hapi() -> Iterator[str]:
    """The base URL of one real R4 server per test process. Tests share it, so each uses identifiers of its own."""
    need("java", "java", "mvn")
    with hapi_server.start() as base:
        yield base


@pytest.fixture(scope="session")
def hapi_r5() -> Iterator[str]:
    """The base URL of one real R5 server per test process."""
    need("java", "java", "mvn")
    with hapi_server.start(fhir="R5") as base:
        yield base


@pytest.fixture(scope="session")
def hl7_validate() -> Callable[..., list[hapi_server.Verdict]]:
    """`hl7_validate(resources, fhir="R4")`: HL7's verdict on each; it costs a process start, so pass many at once."""
    need("java", "java", "mvn")
    return hapi_server.validate


@pytest.fixture(scope="session")
def cql_translate() -> Callable[..., dict[str, cql_engine.Translation]]:
    """`cql_translate({name: cql})`: the translator's errors and warnings; pass many libraries at once."""
    need("node", "node", "npm")
    return cql_engine.translate


@pytest.fixture(scope="session")
def cql_execute() -> Callable[..., list[cql_engine.Execution]]:
    """`cql_execute(cql, bundles, parameters)`: the value of each define for each patient."""
    need("node", "node", "npm")
    return cql_engine.execute


@pytest.fixture(scope="session")
def fhirpath_evaluate() -> Callable[..., Iterator[dict[str, fhirpath_engine.Answer]]]:
    """`fhirpath_evaluate({name: expression}, [(bundle, constants)])`: the value of each for each patient."""
    need("node", "node", "npm")
    return fhirpath_engine.evaluate


@pytest.fixture(scope="session")
def ucum_convert() -> Callable[[Sequence[fhirpath_engine.Pair]], list[fhirpath_engine.Converted]]:
    """`ucum_convert(pairs)`: what another UCUM library makes of one and of two of each unit."""
    need("node", "node", "npm")
    return fhirpath_engine.convert
