"""Who runs a trial and where: sponsor, people and sites as resources contained in the ResearchStudy.

They are contained because a registry names them without identity: two records' "University Hospital" may be two.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from fhirtrial.plugins import Resource
from fhirtrial.records.fields import Agency, Contact, Location
from fhirtrial.records.record import TrialRecord
from fhirtrial_mappings.artifacts import study_codes as codes
from fhirtrial_mappings.artifacts.extensions import complex_, r5, simple
from fhirtrial_mappings.artifacts.primitives import coded, filled, present, string, text


@dataclass(frozen=True)
class Party:
    """Somebody with a part in the trial; `resource` is contained where there is more than a name to say."""

    name: str | None
    role: Resource | None
    classifier: Resource | None = None
    resource: Resource | None = None

    def element(self) -> Resource:
        """R5's associatedParty, whose role is required."""
        return filled(
            {
                "name": self.name,
                "role": self.role or text("Role not given"),
                "classifier": present([self.classifier]),
                "party": {"reference": f"#{self.resource['id']}"} if self.resource else None,
            }
        )

    def in_r5(self) -> Party:
        """R5's PractitionerRole has contacts, each with its telecoms."""
        if self.resource is None or "telecom" not in self.resource:
            return self
        kept = {key: value for key, value in self.resource.items() if key != "telecom"}
        return replace(self, resource={**kept, "contact": [{"telecom": self.resource["telecom"]}]})

    def extension(self) -> Resource | None:
        party = {"reference": f"#{self.resource['id']}"} if self.resource else None
        return complex_(
            r5("ResearchStudy.associatedParty"),
            simple("name", valueString=self.name),
            simple("role", valueCodeableConcept=self.role),
            simple("classifier", valueCodeableConcept=self.classifier),
            simple("party", valueReference=party),
        )


def sponsor(record: TrialRecord) -> Resource | None:
    agency = record.lead_sponsor
    if agency is None or not string(agency.name):
        return None
    return filled(
        {
            "resourceType": "Organization",
            "id": "sponsor",
            "type": present([organization_type(agency)]),
            "name": string(agency.name),
        }
    )


def organization_type(agency: Agency) -> Resource | None:
    name = agency.agency_class
    return coded(codes.ORGANIZATION_SYSTEM, codes.ORGANIZATION.get(name or ""), name)


def sites(record: TrialRecord) -> list[Resource]:
    return [_site(f"site-{n}", site) for n, site in enumerate(record.locations, 1)]


def investigator(record: TrialRecord) -> Resource | None:
    """The first named principal investigator, as an official or as the responsible party."""
    people = (p for p in officials(record) if p.resource and _is_principal(p))
    return next((p.resource for p in people), None)


def parties(record: TrialRecord) -> list[Party]:
    """Everybody that R4's sponsor, principalInvestigator, contact and site do not say."""
    principal = investigator(record)
    return [
        *_organizations(record),
        *(p for p in officials(record) if p.resource is None or p.resource != principal),
        *_responsible_sponsor(record),
        *_central(record),
        *_recruiters(record),
    ]


def parties_r5(record: TrialRecord) -> list[Party]:
    """Everybody: R5 has one element for all who have a part in the trial."""
    lead = record.lead_sponsor
    sponsors = (
        [Party(string(lead.name), coded(codes.ROLE_SYSTEM, "lead-sponsor"), organization_type(lead))] if lead else []
    )
    found = (
        *sponsors,
        *_organizations(record),
        *officials(record),
        *_responsible_sponsor(record),
        *_contacts(record),
        *_recruiters(record),
    )
    return [party.in_r5() for party in found]


def officials(record: TrialRecord) -> list[Party]:
    found = [
        _person(f"official-{n}", official.name, official.role, official.affiliation)
        for n, official in enumerate(record.overall_officials, 1)
    ]
    responsible = record.responsible_party
    if responsible and responsible.investigator_full_name:
        found.append(
            _person(
                "responsible-party",
                responsible.investigator_full_name,
                responsible.type,
                responsible.investigator_affiliation,
                responsible.investigator_title,
            )
        )
    return found


def telecom(contact: Contact) -> list[Resource]:
    phone = string(contact.phone)
    if phone and string(contact.phone_ext):
        phone = f"{phone} ext. {string(contact.phone_ext)}"
    email = string(contact.email)
    return present([phone and {"system": "phone", "value": phone}, email and {"system": "email", "value": email}])


def role(code: str | None) -> Resource | None:
    return coded(codes.ROLE_SYSTEM, codes.ROLE.get(code or ""), code)


def _is_principal(party: Party) -> bool:
    code = (party.role or {}).get("coding", [{}])[0].get("code")
    return code in {"primary-investigator", "sponsor-investigator"}


def _organizations(record: TrialRecord) -> Iterator[Party]:
    for agency in record.collaborators:
        collaborator = coded(codes.ROLE_SYSTEM, "collaborator")
        yield Party(string(agency.name), collaborator, organization_type(agency))
    holder = record.organization
    if holder and holder != record.lead_sponsor:
        yield Party(string(holder.name), text("Organization of the record"), organization_type(holder))


def _responsible_sponsor(record: TrialRecord) -> Iterator[Party]:
    responsible = record.responsible_party
    if responsible and not responsible.investigator_full_name:
        sponsor_name = record.lead_sponsor.name if record.lead_sponsor else None
        name = string(responsible.old_name_title) or string(sponsor_name)
        affiliation = text(responsible.old_organization)
        yield Party(name, text(f"Responsible party ({responsible.type or 'type not given'})"), affiliation)


def _central(record: TrialRecord) -> Iterator[Party]:
    for contact in record.central_contacts:
        if contact.role and contact.role != "CONTACT":
            yield Party(string(contact.name), role(contact.role))


def _contacts(record: TrialRecord) -> Iterator[Party]:
    for n, contact in enumerate(record.central_contacts, 1):
        name = string(contact.name)
        person = {
            "resourceType": "PractitionerRole",
            "id": f"contact-{n}",
            "practitioner": {"display": name} if name else None,
            "telecom": telecom(contact),
        }
        yield Party(name, role(contact.role or "CONTACT"), resource=filled(person))


def _recruiters(record: TrialRecord) -> Iterator[Party]:
    for n, site in enumerate(record.locations, 1):
        for m, contact in enumerate(site.contacts, 1):
            name = string(contact.name)
            person = filled(
                {
                    "resourceType": "PractitionerRole",
                    "id": f"site-{n}-contact-{m}",
                    "practitioner": {"display": name} if name else None,
                    "code": present([text(contact.role)]),
                    "location": [{"reference": f"#site-{n}"}],
                    "telecom": telecom(contact),
                }
            )
            yield Party(name, coded(codes.ROLE_SYSTEM, "recruitment-contact"), resource=person)


def _person(identifier: str, name: str, code: str | None, affiliation: str | None, title: str | None = None) -> Party:
    person = filled(
        {
            "resourceType": "PractitionerRole",
            "id": identifier,
            "practitioner": {"display": string(name)},
            "organization": {"display": string(affiliation)} if string(affiliation) else None,
            "code": present([text(title)]),
        }
    )
    return Party(string(name), role(code), resource=person)


def _site(identifier: str, site: Location) -> Resource:
    address = {"city": string(site.city), "state": string(site.state), "postalCode": string(site.zip)}
    position = site.geo_point
    status = string(site.status)
    return filled(
        {
            "resourceType": "Location",
            "id": identifier,
            "name": string(site.facility),
            # Location.status is the place's own; whether it recruits for this trial is only said in words.
            "description": f"Recruitment at this site: {status}" if status else None,
            "mode": "instance",
            "address": filled({**address, "country": string(site.country)}),
            "position": {"longitude": position.lon, "latitude": position.lat} if position else None,
        }
    )
