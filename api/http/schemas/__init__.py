"""What the JSON answers that are no GeoJSON look like, for the OpenAPI documents.

Hand-written, as the answers are made from rows and not from models; closed, so that the tests,
which hold real answers against them, find a member that is not described.
"""

from api.http.schemas import coverage, feed, layers, ogc, people, plan, service
from api.http.schemas.words import answers

__all__ = ["answers", "coverage", "feed", "layers", "ogc", "people", "plan", "service"]
