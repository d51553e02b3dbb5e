"""GDAL in a process of its own: in ours it would hold the interpreter while the server answers.

``python gdal_words.py`` reads what standard input lists; its warnings end it, its logs are told.
"""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd
import pyogrio


@dataclass(frozen=True, kw_only=True)
class Gdal:
    """GDAL with a token, as a person has it on the command line."""

    folder: Path
    root: str  #: address of the service
    authorization: str

    def read(self, *asked: dict[str, Any]) -> list[tuple[gpd.GeoDataFrame, dict[str, Any]]]:
        """What GDAL reads for each: the frame, and what it says of the layer.

        Not a word may go to standard error: a warning is a failure.
        """
        headers = self.folder / "headers"
        headers.write_text(f"Authorization: {self.authorization}\n")
        ended = subprocess.run(
            [sys.executable, "-W", "error", __file__, str(self.folder), str(headers)],
            input=json.dumps(asked), capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert (ended.returncode, ended.stderr) == (0, ""), ended.stderr
        told = json.loads(ended.stdout)
        return [(gpd.read_parquet(self.folder / f"{n}.parquet"), one) for n, one in enumerate(told)]


def _main(folder: Path, headers: str) -> None:
    logging.basicConfig(level=logging.INFO)
    # GDAL 3.12's OAPIF driver passes GDAL_HTTP_HEADERS over; a file of them it heeds everywhere.
    pyogrio.set_gdal_config_options({"GDAL_HTTP_HEADER_FILE": headers})
    told = []
    for n, one in enumerate(json.load(sys.stdin)):
        options = one.get("options", {})
        layer, bbox = options.get("layer"), options.pop("bbox", None)
        frame = pyogrio.read_dataframe(one["source"], bbox=bbox and tuple(bbox), **options)
        frame.to_parquet(folder / f"{n}.parquet")
        info = pyogrio.read_info(one["source"], layer=layer)
        told.append(
            {
                "layers": [str(name) for name, _ in pyogrio.list_layers(one["source"])],
                "features": info["features"],
                "bounds": info["total_bounds"],
                "types": dict(zip(info["fields"], info["ogr_types"], strict=True)),
            }
        )
    json.dump(told, sys.stdout)


if __name__ == "__main__":
    _main(Path(sys.argv[1]), sys.argv[2])
