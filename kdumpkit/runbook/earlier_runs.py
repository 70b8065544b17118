"""What a stage is told about earlier runs of its host: looked up once and kept, so that a replay is told the same."""

from __future__ import annotations

from typing import Any

from kdumpkit.checks.fingerprint import EarlierProof
from kdumpkit.errors import EvidenceError, ParseError
from kdumpkit.evidence import earlier_proof, rollback_source
from kdumpkit.evidence.earlier_proof import find_earlier_proof, recorded_proof
from kdumpkit.evidence.rollback_source import find_rollback_source, recorded_source
from kdumpkit.facts.fingerprint import fingerprint_from_json
from kdumpkit.runbook.clock import utc
from kdumpkit.runbook.session import Session


def source_of_rollback(session: Session) -> dict[str, Any]:
    """What is to be taken back in this stage, as :func:`find_rollback_source` tells it."""
    if session.replaying:
        found = recorded_source(session.recorded)
        if found is None:
            raise EvidenceError(
                f"the record of {session.stage} does not say what was to be taken back", "take a fresh copy of it"
            )
        return found
    found = find_rollback_source(session.run_dir.parent, session.stage, session.parameters.rollback_run)
    session.note(rollback_source.SOURCE, {"source": found})
    return found


def proof_before(session: Session) -> dict[str, Any] | None:
    """The newest earlier run that proved a dump of this host, as :func:`find_earlier_proof` tells it."""
    if session.replaying:
        return recorded_proof(session.recorded)
    found = find_earlier_proof(session.run_dir.parent, session.run_id)
    session.note(earlier_proof.KIND, {"proof": found})
    return found


def as_earlier_proof(proof: dict[str, Any] | None) -> EarlierProof | None:
    """The proof with its fingerprint; None where there is none, or it is of a version that kept no fingerprint."""
    if proof is None:
        return None
    try:
        fingerprint = fingerprint_from_json(proof["fingerprint"])
    except ParseError:
        return None
    return EarlierProof(str(proof["run_id"]), utc(float(proof["proved_at"])), fingerprint)
