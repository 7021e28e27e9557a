"""FHIR servers: read from, written to once. Nothing here knows a trial, a patient or a criterion."""

from fhirtrial.client.bundle_files import read_bundle_file
from fhirtrial.client.capability import Capability, capability
from fhirtrial.client.fhir import FhirSession, Written
from fhirtrial.client.post import post
from fhirtrial.client.receipt import Receipt, Rejection, Result
from fhirtrial.client.retry import Retry
from fhirtrial.client.server import BackendServices, Bearer, Secret, Server
from fhirtrial.client.transport import World

__all__ = [
    "BackendServices",
    "Bearer",
    "Capability",
    "FhirSession",
    "Receipt",
    "Rejection",
    "Result",
    "Retry",
    "Secret",
    "Server",
    "World",
    "Written",
    "capability",
    "post",
    "read_bundle_file",
]
