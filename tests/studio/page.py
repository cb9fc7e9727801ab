"""What the page does, in a few lines: open an image, edit its layout, ask for a synthesis and wait for it."""

from __future__ import annotations

import copy
import time
from typing import Any

from served import Client

FAST = {"sampler": "ddim", "steps": 2, "guidance_layout": 1.0, "guidance_edit": 0.0}
CLIENT = "a-page"


def open_first(client: Client) -> dict[str, Any]:
    [first, *_] = client.get("/api/records?set=0").json["images"]
    return client.post(f"/api/records/{first['id']}/open", {}).json


def moved(layout: dict[str, Any], name: str, dx: float) -> dict[str, Any]:
    """Return a layout with one structure moved to the right."""
    changed = copy.deepcopy(layout)
    for structure in changed["structures"]:
        if structure["name"] == name:
            structure["box"]["cx"] += dx
    return changed


def generate(image: dict[str, Any], layout: dict[str, Any], **other: Any) -> dict[str, Any]:
    return {
        "kind": "generate",
        "client": CLIENT,
        "image": image["id"],
        "before": image["layout"],
        "layout": layout,
        "seeds": [3],
        "settings": FAST,
        **other,
    }


def finished(client: Client, job: dict[str, Any]) -> dict[str, Any]:
    """Wait for a job, and return it."""
    for _ in range(1200):
        facts = client.get(f"/api/jobs/{job['job']}").json
        if facts["state"] in ("done", "failed", "cancelled"):
            return facts
        time.sleep(0.05)
    raise AssertionError(f"the job is still {facts['state']}")


def made(client: Client, message: dict[str, Any]) -> list[dict[str, Any]]:
    """Send a request, wait, and return its results."""
    facts = finished(client, client.post("/api/jobs", message).json)
    assert facts["state"] == "done", facts["error"]
    return facts["results"]
