"""A schema fuzzer on the layers: no answer is an error of ours, or other than is described."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import httpx

from rows import fill

LAYERS = r"^/(ogc|api/layers|api/grids|tiles)"
CHECKS = "not_a_server_error,response_schema_conformance,content_type_conformance"
OGC_CHECKS = f"{CHECKS},status_code_conformance"


def test_no_request_that_a_schema_fuzzer_makes_is_answered_by_a_5xx_or_as_nobody_said(
    admin: httpx.Client, database_url: str, tmp_path: Path
) -> None:
    fill(database_url)
    _fuzz(admin, tmp_path, "/openapi.json", CHECKS, at_least=(30, 300))
    # All that the definition of OGC tells, statuses too, and on every collection by its name.
    _fuzz(admin, tmp_path, "/ogc/api", OGC_CHECKS, at_least=(25, 150))


def _fuzz(
    admin: httpx.Client, tmp_path: Path, document: str, checks: str, *, at_least: tuple[int, int]
) -> None:
    """Hold what is answered against a document; ``at_least``: routes, and requests."""
    ended = subprocess.run(
        [
            str(Path(sys.executable).with_name("schemathesis")), "run",
            f"{str(admin.base_url).rstrip('/')}{document}",
            "--header", f"Authorization:{admin.headers['Authorization']}",
            *(("--include-path-regex", LAYERS) if document == "/openapi.json" else ()),
            "--checks", checks, "--phases", "fuzzing", "--max-examples", "20",
            "--seed", "3", "--generation-deterministic",
            "--suppress-health-check", "all", "--request-timeout", "60", "--warnings", "off",
            "--no-color",
        ],
        cwd=tmp_path, capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout[-3000:] + ended.stderr[-1000:]
    found = re.search(r"Tested: (\d+)", ended.stdout)
    assert found is not None
    assert int(found[1]) >= at_least[0]
    generated = re.search(r"(\d+) generated", ended.stdout)
    assert generated is not None
    assert int(generated[1]) > at_least[1]
